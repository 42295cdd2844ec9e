package threadpool_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// TestPool_T10_HooksThatMisbehave: whatever OnThreadStart and OnThreadStop do, no
// slot is lost and Stop comes to its end.
func TestPool_T10_HooksThatMisbehave(t *testing.T) {
	pending, settle := eventual.New[int](nil)
	defer settle(1, nil)
	var starting atomic.Int32
	waitsButNotManyTimes := func() error {
		if n := starting.Add(1); n > 2 {
			t.Errorf("%d workers start at once at Max 2", n)
		}
		defer starting.Add(-1)
		_, _ = pending.Wait(time.Millisecond)
		return nil
	}
	for name, c := range map[string]struct {
		cfg  threadpool.Config
		want error
	}{
		"start exits":  {threadpool.Config{OnThreadStart: func() error { runtime.Goexit(); return nil }}, eventual.ErrGoexit},
		"start panics": {threadpool.Config{OnThreadStart: func() error { panic(errBoom) }}, errBoom},
		"start waits":  {threadpool.Config{OnThreadStart: waitsButNotManyTimes}, nil},
		"stop exits":   {threadpool.Config{OnThreadStop: runtime.Goexit}, nil},
		"stop panics":  {threadpool.Config{OnThreadStop: func() { panic(errBoom) }}, nil},
		"stop waits":   {threadpool.Config{OnThreadStop: func() { _, _ = pending.Wait(time.Millisecond) }}, nil},
	} {
		for _, locked := range []bool{false, true} {
			c.cfg.Max, c.cfg.LockOSThread, c.cfg.IdleTimeout = 2, locked, time.Millisecond
			p := newPool(t, c.cfg) // its cleanup stops it
			for range 4 {
				if _, err := threadpool.DeferToThread(context.Background(), p, one).Wait(soon); !errors.Is(err, c.want) {
					t.Errorf("%s: %v", name, err)
				}
				_, err := threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }).Wait(soon)
				if c.want == nil && !errors.Is(err, eventual.ErrGoexit) || err == nil {
					t.Errorf("%s: a job that exits: %v", name, err)
				}
			}
			for end := time.Now().Add(soon); ; runtime.Gosched() {
				s := p.Stats()
				if s.Workers == 0 && s.Busy == 0 && s.Waiting == 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%s: %+v", name, s)
				}
			}
		}
	}
}

// TestPool_T10_NoWorkerForAnAwaitedJob: the only worker there is waits for a job
// for which no other can be had.
func TestPool_T10_NoWorkerForAnAwaitedJob(t *testing.T) {
	var n atomic.Int32
	p := newPool(t, threadpool.Config{Max: 2, OnThreadStart: func() error {
		if n.Add(1) > 1 {
			return errBoom
		}
		return nil
	}})
	_, err := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
		return threadpool.DeferToThread(ctx, p, one).WaitContext(ctx)
	}).Wait(soon)
	if !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
	if _, err := threadpool.DeferToThread(context.Background(), p, one).Wait(soon); err != nil {
		t.Errorf("the one that there is: %v", err)
	}
}

// TestPool_T06_StopNamesAHookThatHangs: nil means that all has ended.
func TestPool_T06_StopNamesAHookThatHangs(t *testing.T) {
	for _, name := range []string{"OnThreadStart", "OnThreadStop"} {
		synctest.Test(t, func(t *testing.T) {
			block := make(chan struct{})
			cfg := threadpool.Config{Max: 1}
			if name == "OnThreadStart" {
				cfg.OnThreadStart = func() error { <-block; return nil }
			} else {
				cfg.OnThreadStop = func() { <-block }
			}
			p, err := threadpool.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			_ = p.CallInThread(context.Background(), nothing)
			synctest.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			var still *eventual.StopError
			if err := p.Stop(ctx); !errors.As(err, &still) || len(still.Running) != 1 || still.Running[0].Name != "thread hook" || !strings.Contains(still.Running[0].Stack, "HookThatHangs") {
				t.Errorf("%s: %v", name, err)
			}
			close(block)
			if err := p.Stop(context.Background()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestPool_T06_StopFromAnotherPool: a job that stops a pool which waits for the
// job's own pool.
func TestPool_T06_StopFromAnotherPool(t *testing.T) {
	a, b := newPool(t, threadpool.Config{Max: 1}), newPool(t, threadpool.Config{Max: 1})
	_, err := threadpool.DeferToThread(context.Background(), a, func(context.Context) (int, error) {
		began := make(chan struct{})
		if err := b.CallInThread(context.Background(), func(ctx context.Context) {
			close(began)
			if _, err := threadpool.DeferToThread(ctx, a, one).Wait(soon); err != nil {
				t.Error(err)
			}
		}); err != nil {
			return 0, err
		}
		<-began
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		return 0, b.Stop(ctx)
	}).Wait(2 * soon)
	if err != nil {
		t.Error(err)
	}
}

// TestPool_T06_StopWhileStarting: Start, Stop and AdjustPoolSize at once, with
// jobs before and meanwhile; each ends, with a value or refused.
func TestPool_T06_StopWhileStarting(t *testing.T) {
	for range 100 {
		p := newPool(t, threadpool.Config{Min: 1, Max: 3, Stopped: true})
		res := []*eventual.Result[int]{threadpool.DeferToThread(context.Background(), p, one)}
		done := make(chan struct{}, 3)
		go func() { p.Start(); done <- struct{}{} }()
		go func() { _ = p.AdjustPoolSize(0, 1); done <- struct{}{} }()
		go func() {
			if err := p.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			done <- struct{}{}
		}()
		res = append(res, threadpool.DeferToThread(context.Background(), p, one))
		for range 3 {
			<-done
		}
		if v, err := res[0].Wait(0); v != 1 || err != nil {
			t.Fatalf("accepted before: %d, %v", v, err)
		}
		if _, err := res[1].Wait(0); err != nil && !errors.Is(err, eventual.ErrStopped) {
			t.Fatalf("%v", err)
		}
	}
}

// TestPool_T06_StopDoesNotWaitForAHookThatHasYetToRun: its ctx bounds it whatever
// OnThreadStop does, also in workers that had no job when the time was up.
func TestPool_T06_StopDoesNotWaitForAHookThatHasYetToRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		p := newPool(t, threadpool.Config{Min: 2, Max: 2, OnThreadStop: func() { <-block }})
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		stopped := make(chan error, 1)
		go func() { stopped <- p.Stop(ctx) }() // ends once the hooks may
		synctest.Wait()
		select {
		case err := <-stopped:
			var still *eventual.StopError
			if !errors.As(err, &still) || len(still.Running) != 2 || still.Running[0].Name != "thread hook" {
				t.Errorf("%v", err)
			}
		default:
			t.Error("Stop waits although its ctx has ended")
		}
		close(block)
	})
}

func TestPool_T06_StopOfAPoolThatNeverHadAJobStartsNobody(t *testing.T) {
	starts := 0
	p := newPool(t, threadpool.Config{Min: 2, Max: 4, Stopped: true, OnThreadStart: func() error { starts++; return nil }})
	if err := p.Stop(context.Background()); err != nil || starts != 0 {
		t.Errorf("%d started, %v", starts, err)
	}
}
