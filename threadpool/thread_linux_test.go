package threadpool_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/threadpool"
)

func TestPool_T10_OneThreadAWorker(t *testing.T) {
	var mu sync.Mutex // guards started and stopped
	started, stopped := map[int]int{}, map[int]int{}
	p, err := threadpool.New(threadpool.Config{
		Max: 3, LockOSThread: true,
		OnThreadStart: func() error {
			mu.Lock()
			defer mu.Unlock()
			started[unix.Gettid()]++
			return nil
		},
		OnThreadStop: func() {
			mu.Lock()
			defer mu.Unlock()
			stopped[unix.Gettid()]++
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []*eventual.Result[int]
	for range 300 {
		all = append(all, threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
			before := unix.Gettid()
			runtime.Gosched()
			if before != unix.Gettid() {
				return 0, errors.New("the thread changed within a job")
			}
			return before, nil
		}))
	}
	tids, err := eventual.All(all...).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, tid := range tids {
		if started[tid] != 1 {
			t.Fatalf("a job ran on thread %d, which was started %d times", tid, started[tid])
		}
	}
	if len(started) > 3 {
		t.Errorf("%d threads", len(started))
	}
	for len(started) > 0 { // the workers end after Stop has seen that nothing runs
		mu.Lock()
		for tid := range stopped {
			if stopped[tid] != 1 {
				t.Errorf("thread %d stopped %d times", tid, stopped[tid])
			}
			delete(started, tid)
		}
		mu.Unlock()
		runtime.Gosched()
	}
}

func TestPool_T10_AffinityAndNice(t *testing.T) {
	var have unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !have.IsSet(cpu) {
		cpu++
	}
	p := newPool(t, threadpool.Config{Max: 1, LockOSThread: true, CPUs: []int{cpu}, Nice: 5})
	_, err := threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil {
			return 0, err
		}
		if set.Count() != 1 || !set.IsSet(cpu) {
			t.Errorf("may run on %d processors", set.Count())
		}
		prio, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
		if nice := 20 - prio; err != nil || nice != 5 { // what the kernel returns is shifted
			t.Errorf("nice %d, %v", nice, err)
		}
		return 0, nil
	}).Wait(soon)
	if err != nil {
		t.Error(err)
	}
}

func TestPool_T10_OnThreadStartFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errBoom }, "panic": func() error { panic(errBoom) },
	} {
		log := new(logtest.Log)
		p, err := threadpool.New(threadpool.Config{Max: 2, LockOSThread: true, Logger: log.Logger(), OnThreadStart: fail})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := threadpool.DeferToThread(context.Background(), p, one).Wait(soon); !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "OnThreadStart") {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(log.String(), "could not start") {
			t.Errorf("%s: not logged", name)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	// One bad thread among good ones is only reported.
	var n atomic.Int32
	p := newPool(t, threadpool.Config{Max: 3, OnThreadStart: func() error {
		if n.Add(1) == 1 {
			return errBoom
		}
		return nil
	}})
	release := hold(t, p, 2, 1)
	release()
	if _, err := threadpool.DeferToThread(context.Background(), p, one).Wait(soon); err != nil {
		t.Error(err)
	}
}
