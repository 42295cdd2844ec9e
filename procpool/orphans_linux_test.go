package procpool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// Workers that hang before they serve, in an init function say, do not see the end
// of the connection. The kernel sees to them, also to one that was stopped.
func TestProcpool_P09_ParentKilledBeforeWorkersServe(t *testing.T) {
	for _, how := range []string{"running", "stopped"} {
		gate := filepath.Join(t.TempDir(), "gate") // is never there, unless this fails
		f := startNursery(t, "PROCPOOL_TEST_NURSERY="+how, gateVar+"="+gate)
		t.Cleanup(func() { _ = os.WriteFile(gate, nil, 0o600) })
		f.says(t, "begins")
		f.says(t, "started")
		if err := f.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if rest := f.end(t); rest != "" {
			t.Errorf("%s: it says %q", how, rest)
		}
		f.noneIsLeft(t)
	}
}

// onAThreadThatEnds calls fn on an operating system's thread, and waits for the end
// of the thread.
func onAThreadThatEnds(t *testing.T, fn func()) {
	t.Helper()
	for tid := os.Getpid(); tid == os.Getpid(); { // the first thread of a process stays
		ended := make(chan int)
		go func() { // ends when it has called fn
			runtime.LockOSThread() // never unlocked
			tid := syscall.Gettid()
			defer func() { ended <- tid }()
			if tid != os.Getpid() {
				fn()
			}
		}()
		tid = <-ended
		if tid != os.Getpid() {
			eventually(t, "the thread has ended", func() bool { return !exists(fmt.Sprintf("/proc/self/task/%d", tid)) })
		}
	}
}

// endThreads ends all threads of this process that have nothing to do.
func endThreads(t *testing.T) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	var all, here sync.WaitGroup
	leave := make(chan struct{})
	tids := make([]int, len(tasks)+10) // each gets a thread, those that there are first
	for i := range tids {
		here.Add(1)
		all.Go(func() {
			runtime.LockOSThread() // never unlocked
			tids[i] = syscall.Gettid()
			here.Done()
			<-leave
		})
	}
	here.Wait()
	close(leave)
	all.Wait()
	for _, tid := range tids {
		if tid != os.Getpid() {
			eventually(t, "a thread has ended", func() bool { return !exists(fmt.Sprintf("/proc/self/task/%d", tid)) })
		}
	}
}

// starters are the threads of this process that have started the workers of p.
func starters(t *testing.T, p *procpool.Pool) (tids []string) {
	t.Helper()
	for _, w := range p.Stats().Workers {
		tasks, err := filepath.Glob("/proc/self/task/*/children")
		if err != nil || len(tasks) == 0 {
			t.Skip("this kernel does not say who has started a process")
		}
		for _, path := range tasks {
			b, _ := os.ReadFile(path)
			if slices.Contains(strings.Fields(string(b)), strconv.Itoa(w.PID)) {
				tids = append(tids, filepath.Base(filepath.Dir(path)))
			}
		}
	}
	slices.Sort(tids)
	return slices.Compact(tids)
}

// The kernel takes the end of the thread that has started a worker for the end of
// its parent. No thread of the program's has: those who make a pool, or have it
// start workers, may end theirs, and so may any that is idle.
func TestProcpool_P09_ThreadsThatEnd(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	t.Cleanup(func() { _ = os.WriteFile(gate, nil, 0o600) })
	const size = 4
	var p *procpool.Pool
	var rs []*eventual.Result[int]
	onAThreadThatEnds(t, func() {
		p = newPool(t, procpool.Config{Min: 1, Max: size, StartTimeout: soon, Env: []string{gateVar + "=" + gate}})
	})
	if p == nil {
		return
	}
	for i := range size {
		onAThreadThatEnds(t, func() { rs = append(rs, procpool.DeferToProcess(bg, p, square, i)) })
	}
	eventually(t, "all have a process", func() bool { return processes(p) == size })
	if tids := starters(t, p); len(tids) != 1 {
		t.Errorf("workers were started by the threads %v, not by one that is there for nothing else", tids)
	}
	endThreads(t) // while the kernel would kill the workers
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, r := range rs {
		if n, err := r.Wait(soon); n != i*i || err != nil {
			t.Errorf("job %d: %d, %v", i, n, err)
		}
	}
	endThreads(t) // while it would wake them
	if n, err := procpool.DeferToProcess(bg, p, square, 6).Wait(soon); n != 36 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if s := p.Stats(); s.Started != size || s.Died != 0 {
		t.Errorf("it cost workers: %+v", s)
	}
}

// Workers of other programs stay under the kernel's watch for all their life.
func TestProcpool_P09_ThreadsThatEndAndOtherPrograms(t *testing.T) {
	var p *procpool.Pool
	command := python(t)
	onAThreadThatEnds(t, func() { p = newPool(t, procpool.Config{Min: 3, Max: 3, Command: command}) })
	if p == nil {
		return
	}
	eventually(t, "all serve", func() bool { return countState(p, procpool.Idle) == 3 })
	var long *eventual.Result[string]
	onAThreadThatEnds(t, func() { long = procpool.DeferToProcess(bg, p, sleep, soon) })
	endThreads(t)
	for range 10 {
		if n, err := procpool.DeferToProcess(bg, p, square, 6).Wait(soon); n != 36 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	select {
	case <-long.Done():
		_, err := long.Wait(0)
		t.Errorf("the job that runs has ended: %v", err)
	default:
	}
	long.Cancel()
	if _, err := long.Wait(soon); err == nil {
		t.Error("the job that runs was not cancelled")
	}
	if s := p.Stats(); s.Started != 3 || s.Died != 0 {
		t.Errorf("it cost workers: %+v", s)
	}
}
