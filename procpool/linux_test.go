//go:build linux

package procpool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/trestle-go/trestle/procpool"
)

var (
	limits = procpool.Register("limits", func(context.Context, struct{}) (bounds, error) {
		var b bounds
		var r unix.Rlimit
		for res, to := range map[int]*uint64{unix.RLIMIT_AS: &b.AddressSpace, unix.RLIMIT_NOFILE: &b.OpenFiles, unix.RLIMIT_CPU: &b.CPU} {
			if err := unix.Getrlimit(res, &r); err != nil {
				return b, err
			}
			*to = r.Cur
		}
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return b, err
		}
		b.NoNewPrivs = strings.Contains(string(status), "NoNewPrivs:\t1")
		adj, err := os.ReadFile("/proc/self/oom_score_adj")
		if err != nil {
			return b, err
		}
		b.OOMScoreAdj, err = strconv.Atoi(strings.TrimSpace(string(adj)))
		if err != nil {
			return b, err
		}
		prio, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		b.Nice = 20 - prio // as the system call has it
		return b, err
	})
	spin = procpool.Register("spin", func(ctx context.Context, _ struct{}) (int, error) {
		for n := 0; ; n++ {
			if ctx.Err() != nil {
				return n, ctx.Err()
			}
		}
	})
	// oomKilled does what the kernel does to a worker whose group is full.
	oomKilled = procpool.Register("oomKilled", func(_ context.Context, events string) (int, error) {
		if err := os.WriteFile(events, []byte("low 0\noom 1\noom_kill 1\n"), 0o600); err != nil {
			return 0, err
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	})
	// stayWith says where it is, and stays there.
	stayWith = procpool.Register("stayWith", func(ctx context.Context, _ struct{}) (int, error) {
		if err := procpool.Progress(ctx, os.Getpid()); err != nil {
			return 0, err
		}
		<-ctx.Done()
		return 0, ctx.Err()
	})
	hoard = procpool.Register("hoard", func(_ context.Context, n int) (int, error) {
		hoarded = make([]byte, n)
		for i := 0; i < n; i += 4096 {
			hoarded[i] = 1
		}
		return os.Getpid(), nil
	})
	hoarded      []byte
	mappedMemory = procpool.Register("mappedMemory", func(context.Context, struct{}) (n uint64, err error) {
		b, err := os.ReadFile("/proc/self/statm")
		if err == nil {
			_, err = fmt.Sscan(string(b), &n)
		}
		return n * uint64(os.Getpagesize()), err
	})
)

type bounds struct {
	AddressSpace, OpenFiles, CPU uint64
	NoNewPrivs                   bool
	OOMScoreAdj, Nice            int
}

func TestProcpool_P02_Limits(t *testing.T) {
	want := bounds{AddressSpace: 64 << 30, OpenFiles: 100, CPU: 50, NoNewPrivs: true, OOMScoreAdj: 500, Nice: 5}
	cfg := procpool.Config{Max: 1, Nice: 5, Limits: procpool.Limits{
		AddressSpace: 64 << 30, OpenFiles: 100, CPU: 50 * time.Second, NoNewPrivs: true, OOMScoreAdj: 500,
	}}
	p := newPool(t, cfg)
	for range 2 { // with any thread of the worker
		if got, err := procpool.DeferToProcess(bg, p, limits, struct{}{}).Wait(soon); got != want || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	}
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil || strings.Contains(string(status), "NoNewPrivs:\t1") {
		t.Errorf("this thread is bounded too: %v", err)
	}
}

func TestProcpool_P02_LimitThatIsRefused(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1, Limits: procpool.Limits{OpenFiles: 1 << 40}})
	_, err := procpool.DeferToProcess(bg, p, square, 1).Wait(soon)
	if !errors.Is(err, procpool.ErrWorkersFailing) || !strings.Contains(err.Error(), "OpenFiles") {
		t.Errorf("%v", err)
	}
	if _, err := procpool.New(procpool.Config{Limits: procpool.Limits{Cgroup: "/no/such"}}); err == nil || !strings.Contains(err.Error(), "Config.Limits.Cgroup") {
		t.Errorf("%v", err)
	}
}

func TestProcpool_P04_AddressSpace(t *testing.T) {
	free := newPool(t, procpool.Config{Max: 1})
	mapped, err := procpool.DeferToProcess(bg, free, mappedMemory, struct{}{}).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, procpool.Config{Max: 1, Limits: procpool.Limits{AddressSpace: mapped + 1<<30}})
	_, err = procpool.DeferToProcess(bg, p, allocate, 100).Wait(soon)
	var died *procpool.WorkerExitError
	if !errors.As(err, &died) || died.Reason != procpool.OutOfMemory || !strings.Contains(err.Error(), "ran out of memory") {
		t.Errorf("%v", err)
	}
	if n, err := procpool.DeferToProcess(bg, p, square, 6).Wait(soon); n != 36 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestProcpool_P04_CPU(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1, Limits: procpool.Limits{CPU: time.Second}})
	_, err := procpool.DeferToProcess(bg, p, spin, struct{}{}).Wait(soon)
	var died *procpool.WorkerExitError
	if !errors.As(err, &died) || died.Reason == procpool.OutOfMemory {
		t.Errorf("%v", err)
	}
}

// A control group in which the kernel kills is made of two files here; for a real
// one, see TestProcpool_P04_OutOfMemoryInAControlGroup, tests seldom have the rights.
func TestProcpool_P04_Cgroup(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "workers")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	procs, events := filepath.Join(dir, "cgroup.procs"), filepath.Join(top, "memory.events") // only there memory is counted
	for path, text := range map[string]string{procs: "", events: "low 0\noom 0\noom_kill 0\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := newPool(t, procpool.Config{Max: 2, Limits: procpool.Limits{Cgroup: dir}})
	old, err := procpool.DeferToProcess(bg, p, pid, struct{}{}).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(procs); string(b) != strconv.Itoa(old) {
		t.Errorf("worker %d, cgroup.procs %q: %v", old, b, err)
	}
	running := make(chan int, 1)
	held := procpool.DeferWithProgress(bg, p, stayWith, struct{}{}, func(pid int) { running <- pid })
	if held := <-running; held != old {
		t.Fatalf("in %d, not in %d", held, old)
	}
	_, err = procpool.DeferToProcess(bg, p, oomKilled, events).Wait(soon)
	var died *procpool.WorkerExitError
	if !errors.As(err, &died) || died.Reason != procpool.OutOfMemory || died.Signal != syscall.SIGKILL {
		t.Errorf("%v", err)
	}
	// A new one and one that was there before are killed by somebody else.
	_, err = procpool.DeferToProcess(bg, p, signalMe, int(syscall.SIGKILL)).Wait(soon)
	if !errors.As(err, &died) || died.Reason != procpool.Signalled {
		t.Errorf("%v", err)
	}
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if _, err = held.Wait(soon); !errors.As(err, &died) || died.PID != old || died.Reason != procpool.Signalled {
		t.Errorf("%v", err)
	}
}

func TestProcpool_P10_256MiB(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a gigabyte of memory")
	}
	p := newPool(t, procpool.Config{Max: 1})
	in := make([]byte, 256<<20)
	if n, err := procpool.DeferToProcess(bg, p, size, in).Wait(2 * soon); err != nil || n != len(in) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := procpool.DeferToProcess(bg, p, echo, make([]byte, 256<<20+1)).Wait(soon); !errors.Is(err, procpool.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

func TestProcpool_StatsOfWorkers(t *testing.T) {
	p := newPool(t, procpool.Config{Name: "busy", Max: 1})
	r := procpool.DeferToProcess(bg, p, spin, struct{}{})
	eventually(t, "uses its processor", func() bool {
		ws := p.Stats().Workers
		return len(ws) == 1 && ws[0].State == procpool.Busy && ws[0].CPU > 30*time.Millisecond
	})
	w := p.Stats().Workers[0]
	if w.ID != 1 || w.State != procpool.Busy || w.Job != "spin" || w.Age <= 0 || w.RSS < 1<<20 || fmt.Sprint(w.State) != "busy" {
		t.Errorf("%+v", w)
	}
	r.Cancel()
	if _, err := r.Wait(soon); err == nil {
		t.Error("no error")
	}
	if s := p.Stats(); s.Name != "busy" || s.Failed != 1 || s.Wait.Count != 1 || s.Run.Count != 1 {
		t.Errorf("%+v", s)
	}
}

// What workers write is of no consequence, also if there is no room for it anywhere.
func TestProcpool_P08_DiskThatIsFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = full.Close() }()
	p := newPool(t, procpool.Config{Max: 1, Logger: slog.New(slog.NewTextHandler(full, nil))})
	if n, err := procpool.DeferToProcess(bg, p, flood, 5000).Wait(soon); n != 5000 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	_, err = procpool.DeferToProcess(bg, p, exit, 3).Wait(soon)
	var died *procpool.WorkerExitError
	if !errors.As(err, &died) || died.Code != 3 || !strings.Contains(died.Stderr, "eeee") {
		t.Errorf("%v", err)
	}
	if err := p.Stop(bg); err != nil {
		t.Error(err)
	}
}
