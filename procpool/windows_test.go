//go:build windows

package procpool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// handles are those of the connection of this process, if it is a worker.
var handles = func() (h [2]syscall.Handle) {
	_, _ = fmt.Sscanf(os.Getenv("TRESTLE_PROCPOOL_PIPES"), "%d,%d", &h[0], &h[1])
	return h
}()

// What goes wrong in workers, on purpose.
var (
	closePipe = procpool.Register("closePipe", func(context.Context, struct{}) (int, error) {
		_ = syscall.CloseHandle(handles[1])
		select {}
	})
	closePipes = procpool.Register("closePipes", func(context.Context, struct{}) (int, error) {
		return 1, errors.Join(syscall.CloseHandle(handles[0]), syscall.CloseHandle(handles[1]))
	})
	writePipe = procpool.Register("writePipe", func(_ context.Context, b []byte) (int, error) {
		_, _ = syscall.Write(handles[1], b)
		select {}
	})
	terminateMe = procpool.Register("terminateMe", func(_ context.Context, code int) (int, error) {
		_ = windows.TerminateProcess(windows.CurrentProcess(), uint32(code))
		select {}
	})
	// parentOf starts a process that outlives its job, and returns its pid; hold has
	// the job go on.
	parentOf = procpool.Register("parentOf", func(ctx context.Context, hold bool) (int, error) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "PROCPOOL_TEST_ORPHANAGE=child")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // it holds the pipes open
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		if hold {
			if err := procpool.Progress(ctx, cmd.Process.Pid); err != nil {
				return 0, err
			}
			select {}
		}
		return cmd.Process.Pid, nil
	})
	allocate = procpool.Register("allocate", func(_ context.Context, n int) (int, error) {
		var all [][]byte
		for range n {
			all = append(all, make([]byte, 64<<20))
		}
		return len(all), nil
	})
	spin = procpool.Register("spin", func(ctx context.Context, _ struct{}) (int, error) {
		for n := 0; ; n++ {
			if ctx.Err() != nil {
				return n, ctx.Err()
			}
		}
	})
	hoard = procpool.Register("hoard", func(_ context.Context, n int) (int, error) {
		hoarded = make([]byte, n)
		for i := 0; i < n; i += 4096 {
			hoarded[i] = 1
		}
		return os.Getpid(), nil
	})
	hoarded []byte
)

func rawEcho() {}

// Nor workers that are not as others.
func unusualWorker() {}

func nursery() {}

// orphanage is a program with a pool, which the test kills, or a process that one of
// its workers has started.
func orphanage() {
	if os.Getenv("PROCPOOL_TEST_ORPHANAGE") == "child" {
		time.Sleep(time.Hour)
		os.Exit(1)
	}
	p, err := procpool.New(procpool.Config{Min: 2, Max: 2})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	child, err := procpool.DeferToProcess(bg, p, parentOf, false).Wait(soon)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	procpool.DeferToProcess(bg, p, sleepOn, time.Hour)
	for countState(p, procpool.Busy) != 1 || countState(p, procpool.Idle) != 1 {
		time.Sleep(time.Millisecond)
	}
	workers := p.Stats().Workers
	fmt.Println(workers[0].PID, workers[1].PID, child)
	select {}
}

// children of a process are not listed here.
func children(*testing.T) []int { return nil }

func alive(pid int) bool {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer func() { _ = windows.CloseHandle(h) }()
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}

// terminate kills a process as the task manager would.
func terminate(pid int) error {
	h, err := windows.OpenProcess(windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	return windows.TerminateProcess(h, 1)
}

// underWine: not everything that a job object limits is limited there.
func underWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

func TestProcpool_P04_Deaths(t *testing.T) {
	for _, test := range []death{
		{"exit 3", func(p *procpool.Pool) *eventual.Result[int] { return procpool.DeferToProcess(bg, p, exit, 3) },
			procpool.WorkerExitError{Reason: procpool.Exited, Code: 3}, "exited with code 3 while it ran exit"},
		{"exit 0", func(p *procpool.Pool) *eventual.Result[int] { return procpool.DeferToProcess(bg, p, exit, 0) },
			procpool.WorkerExitError{Reason: procpool.Exited}, "exited with code 0"},
		{"terminated", func(p *procpool.Pool) *eventual.Result[int] { return procpool.DeferToProcess(bg, p, terminateMe, 77) },
			procpool.WorkerExitError{Reason: procpool.Exited, Code: 77}, "exited with code 77"},
		{"terminated with the code of a kill", func(p *procpool.Pool) *eventual.Result[int] {
			return procpool.DeferToProcess(bg, p, terminateMe, 0xE0000009)
		}, procpool.WorkerExitError{Reason: procpool.Exited, Code: 0xE0000009}, "exited with code"},
		{"closed pipe", func(p *procpool.Pool) *eventual.Result[int] {
			return procpool.DeferToProcess(bg, p, closePipe, struct{}{})
		}, procpool.WorkerExitError{Reason: procpool.ClosedConnection, Code: -1, Signal: os.Kill}, "closed its connection"},
		{"closed pipes", func(p *procpool.Pool) *eventual.Result[int] {
			return procpool.DeferToProcess(bg, p, closePipes, struct{}{})
		}, procpool.WorkerExitError{Reason: procpool.Exited, Code: 1}, "closed the descriptor of the connection"},
		{"garbage", func(p *procpool.Pool) *eventual.Result[int] {
			return procpool.DeferToProcess(bg, p, writePipe, []byte("hello, world: this is no frame"))
		}, procpool.WorkerExitError{Reason: procpool.ProtocolViolation, Code: -1, Signal: os.Kill}, "not a frame"},
	} {
		t.Run(test.name, test.check)
	}
}

// Workers are killed at random moments; each job ends exactly once, with the right
// answer or with the death of its worker.
func TestProcpool_P04_Storm(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 300
	}
	p := newPool(t, procpool.Config{Max: 3})
	done := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(rand.N(500 * time.Millisecond)):
			}
			if ws := p.Stats().Workers; len(ws) > 0 {
				if w := ws[rand.IntN(len(ws))]; w.PID > 0 && w.State != procpool.Starting {
					_ = terminate(w.PID)
				}
			}
		}
	})
	rs := make([]*eventual.Result[int], n)
	for i := range rs {
		if i%10 == 0 {
			time.Sleep(time.Millisecond) // so that there are jobs all through the storm
		}
		rs[i] = procpool.DeferToProcess(bg, p, square, i)
	}
	deaths := 0
	for i, r := range rs {
		v, err := r.Wait(soon)
		var died *procpool.WorkerExitError
		switch {
		case err == nil && v == i*i:
		case errors.As(err, &died) && died.Reason == procpool.Exited && died.Code == 1, errors.Is(err, procpool.ErrWorkersFailing):
			deaths++
		default:
			t.Fatalf("job %d: %d, %v", i, v, err)
		}
	}
	close(done)
	storm.Wait()
	t.Logf("%d jobs, %d died, %d workers", n, deaths, p.Stats().Started)
}

func TestProcpool_P05_WholeGroup(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1, Grace: 10 * time.Millisecond})
	child := make(chan int, 1)
	r := procpool.DeferWithProgress(bg, p, parentOf, true, func(pid int) { child <- pid })
	pid := <-child
	if !alive(pid) {
		t.Fatal("no child")
	}
	r.Cancel()
	if _, err := r.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
	eventually(t, "the worker's child is gone", func() bool { return !alive(pid) })
}

// What a worker leaves behind ends with it.
func TestProcpool_P09_NoOrphans(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1})
	child, err := procpool.DeferToProcess(bg, p, parentOf, false).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	worker := p.Stats().Workers[0].PID
	if err := p.Stop(bg); err != nil {
		t.Error(err)
	}
	if alive(worker) {
		t.Error("the worker is still there")
	}
	eventually(t, "the worker's child is gone", func() bool { return !alive(child) })
}

func TestProcpool_P09_ParentKilled(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROCPOOL_TEST_ORPHANAGE=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids [3]int
	if _, err := fmt.Fscan(out, &pids[0], &pids[1], &pids[2]); err != nil {
		rest, _ := io.ReadAll(out)
		t.Fatal(err, string(rest))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	_ = cmd.Wait()
	eventually(t, "all workers and the child of one are gone", func() bool { return !slices.ContainsFunc(pids[:], alive) })
	t.Logf("gone after %v", time.Since(killed))
}

func TestProcpool_P09_NothingLeaks(t *testing.T) {
	use := func() {
		p, err := procpool.New(procpool.Config{Min: 1, Max: 2, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = procpool.DeferToProcess(bg, p, exit, 1).Wait(soon)
		if b, err := procpool.DeferToProcess(bg, p, echo, make([]byte, 1<<20)).Wait(soon); len(b) != 1<<20 || err != nil {
			t.Error(len(b), err)
		}
		ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
		defer cancel()
		r := procpool.DeferToProcess(bg, p, sleepOn, time.Hour)
		_ = p.Stop(ctx)
		if _, err := r.Wait(0); !errors.Is(err, eventual.ErrStopped) {
			t.Error(err)
		}
	}
	for range 3 { // as many threads as will be needed, which have handles
		use()
	}
	before := openHandles(t)
	const times = 5
	for range times {
		use()
	}
	eventually(t, "handles are closed", func() bool { return openHandles(t) < before+times })
}

func openHandles(t *testing.T) (n uint32) {
	t.Helper()
	count := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
	if ok, _, err := count.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); ok == 0 {
		t.Fatal(err)
	}
	return n
}

// The name of a variable is the same however it is written.
func TestProcpool_P02_Environment(t *testing.T) {
	t.Setenv("PROCPOOL_TEST_CASE", "no")
	p := newPool(t, procpool.Config{Max: 1, Env: []string{"procpool_test_case=yes"}})
	s, err := procpool.DeferToProcess(bg, p, environ, struct{}{}).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range s.Env {
		if strings.HasPrefix(strings.ToUpper(e), "PROCPOOL_TEST_CASE=") {
			got = append(got, e)
		}
	}
	if !slices.Equal(got, []string{"procpool_test_case=yes"}) {
		t.Errorf("%q", got)
	}
}

func TestProcpool_P02_Refused(t *testing.T) {
	for want, cfg := range map[string]procpool.Config{
		"Config.KillSignal is interrupt":     {KillSignal: os.Interrupt},
		"Config.Nice is 5":                   {Nice: 5},
		"Config.Limits.OpenFiles is 9":       {Limits: procpool.Limits{OpenFiles: 9}},
		"Config.Limits.OOMScoreAdj is 7":     {Limits: procpool.Limits{OOMScoreAdj: 7}},
		"Config.Limits.NoNewPrivs is true":   {Limits: procpool.Limits{NoNewPrivs: true}},
		`Config.Limits.Cgroup is C:\nowhere`: {Limits: procpool.Limits{Cgroup: `C:\nowhere`}},
		"Config.Limits.CPU is 1ms":           {Limits: procpool.Limits{CPU: time.Millisecond}},
	} {
		if _, err := procpool.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "procpool pool: "+want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// A program that forgot ServeIfWorker does not start itself without end.
func TestProcpool_P12_Forgotten(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROCPOOL_TEST_FORGOTTEN=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "has not called procpool.ServeIfWorker") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestProcpool_P12_Command(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1, Command: []string{os.Args[0], "an argument", `"quoted\`}})
	s, err := procpool.DeferToProcess(bg, p, environ, struct{}{}).Wait(soon)
	if err != nil || !slices.Equal(s.Args, []string{os.Args[0], "an argument", `"quoted\`}) {
		t.Errorf("%q, %v", s.Args, err)
	}
	// One that does not serve.
	p = newPool(t, procpool.Config{Max: 1, Command: []string{os.Args[0]}, Env: []string{"PROCPOOL_TEST_FORGOTTEN=1"}})
	_, err = procpool.DeferToProcess(bg, p, square, 1).Wait(soon)
	if !errors.Is(err, procpool.ErrWorkersFailing) || !strings.Contains(err.Error(), "has not called procpool.ServeIfWorker") {
		t.Errorf("%v", err)
	}
}

func TestProcpool_P04_AddressSpace(t *testing.T) {
	if underWine() {
		t.Skip("Wine does not enforce the limits of a job object")
	}
	p := newPool(t, procpool.Config{Max: 1, Limits: procpool.Limits{AddressSpace: 1 << 30}})
	_, err := procpool.DeferToProcess(bg, p, allocate, 100).Wait(soon)
	var died *procpool.WorkerExitError
	if !errors.As(err, &died) || died.Reason != procpool.OutOfMemory {
		t.Errorf("%v", err)
	}
}

func TestProcpool_P04_CPU(t *testing.T) {
	if underWine() {
		t.Skip("Wine does not enforce the limits of a job object")
	}
	p := newPool(t, procpool.Config{Max: 1, Limits: procpool.Limits{CPU: time.Second}})
	_, err := procpool.DeferToProcess(bg, p, spin, struct{}{}).Wait(soon)
	var died *procpool.WorkerExitError
	if !errors.As(err, &died) || died.Reason != procpool.Exited || died.Code == 0 {
		t.Errorf("%v", err)
	}
}

func TestProcpool_StatsOfWorkers(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1})
	r := procpool.DeferToProcess(bg, p, spin, struct{}{})
	eventually(t, "uses its processor", func() bool {
		ws := p.Stats().Workers
		return len(ws) == 1 && ws[0].State == procpool.Busy && ws[0].CPU > 30*time.Millisecond && ws[0].CPU < soon && ws[0].RSS > 1<<20
	})
	r.Cancel()
	if _, err := r.Wait(soon); err == nil {
		t.Error("no error")
	}
}
