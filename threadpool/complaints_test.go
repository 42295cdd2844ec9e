package threadpool_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// TestComplaint holds what users of other pools have run into.
func TestComplaint(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"a panic hangs the submitter":          panicEndsTheWait,
		"release does not release":             stopReleases,
		"tasks are dropped at shutdown":        stopDropsNothing,
		"metrics lie":                          statsAddUp,
		"a submission has no ctx":              submissionEndsWithItsCtx,
		"cancelled work still runs":            canceledWorkDoesNotRun,
		"nested submission hangs":              nestedSubmissionGoesOn,
		"nested submission grows and grows":    nestedSubmissionIsBounded,
		"the dead hold places in the queue":    deadJobsMakeRoom,
		"one slow job holds up those behind":   slowJobHoldsNobodyUp,
		"a burst is refused by an idle pool":   burstFindsIdleWorkers,
		"those who wait are let in too late":   waitingSubmissionsFindIdleWorkers,
		"a queue that blocks loses a shutdown": stopRefusesWaitingSubmissions,
	} {
		t.Run(name, test)
	}
}

func panicEndsTheWait(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	if _, err := threadpool.DeferToThread(context.Background(), p, explode).Wait(soon); !errors.Is(err, errBoom) {
		t.Errorf("DeferToThread: %v", err)
	}
	told := make(chan error, 1)
	if err := threadpool.CallInThreadWithCallback(context.Background(), p, func(_ int, err error) { told <- err }, explode); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, errBoom) {
		t.Errorf("CallInThreadWithCallback: %v", err)
	}
}

func stopReleases(t *testing.T) {
	before := runtime.NumGoroutine()
	p := newPool(t, threadpool.Config{Min: 50, Max: 100, IdleTimeout: time.Hour})
	hold(t, p, 100, 100)()
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Workers != 0 {
		t.Errorf("%+v", s)
	}
	for end := time.Now().Add(soon); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// stopDropsNothing: of what goroutines submit while the pool stops, all that was
// accepted is run, once.
func stopDropsNothing(t *testing.T) {
	for range 10 {
		p := newPool(t, threadpool.Config{Max: 4, QueueLimit: 64, BlockWhenFull: true})
		var accepted, ran atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for p.CallInThread(context.Background(), func(context.Context) { ran.Add(1) }) == nil {
					accepted.Add(1)
				}
			})
		}
		for ran.Load() == 0 {
			runtime.Gosched()
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		atStop := ran.Load()
		wg.Wait()
		if ran.Load() != accepted.Load() || atStop != ran.Load() {
			t.Fatalf("%d accepted, %d ran, %d before Stop returned", accepted.Load(), ran.Load(), atStop)
		}
	}
}

func statsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, threadpool.Config{Name: "sums", Max: 2})
		const n = 640 // every sixty-fourth is timed
		var all []*eventual.Result[int]
		for i := range n {
			all = append(all, threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
				time.Sleep(time.Second)
				switch i % 4 {
				case 0:
					return 0, errBoom
				case 1:
					panic(errBoom)
				}
				return 0, nil
			}))
		}
		synctest.Wait()
		if s := p.Stats(); s.Busy != 2 || s.Queued != n-2 || s.QueuedMax < n-2 {
			t.Errorf("at the start: %+v", s)
		}
		_, _ = eventual.Settle(all...).Wait(time.Hour)
		synctest.Wait()
		s := p.Stats()
		if s.Succeeded != n/2 || s.Failed != n/2 || s.Panicked != n/4 || s.Queued != 0 || s.Busy != 0 || s.Idle != 2 {
			t.Errorf("at the end: %+v", s)
		}
		if s.Run.Count != n/64 || s.Run.P50 < time.Second || s.Run.Max != time.Second {
			t.Errorf("running: %+v", s.Run)
		}
		if s.Wait.Count != n/64 || s.Wait.Max < time.Minute || s.Wait.Max > n/2*time.Second || s.Wait.P50 < 20*time.Second {
			t.Errorf("waiting: %+v", s.Wait)
		}
	})
}

func submissionEndsWithItsCtx(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1, QueueLimit: 1, BlockWhenFull: true})
	defer hold(t, p, 2, 1)()
	ctx, cancel := context.WithCancelCause(context.Background())
	failed := make(chan error)
	go func() { failed <- p.CallInThread(ctx, func(context.Context) { t.Error("ran") }) }()
	for p.Stats().Blocked != 1 {
		runtime.Gosched()
	}
	cancel(errBoom)
	if err := <-failed; !errors.Is(err, errBoom) || !errors.Is(err, threadpool.ErrQueueFull) {
		t.Errorf("%v", err)
	}
	if s := p.Stats(); s.Blocked != 0 || s.Queued != 1 {
		t.Errorf("%+v", s)
	}
}

func canceledWorkDoesNotRun(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	release := hold(t, p, 1, 1)
	ctx, cancel := context.WithCancel(context.Background())
	never := func(context.Context) (int, error) { t.Error("ran"); return 0, nil }
	byResult := threadpool.DeferToThread(context.Background(), p, never)
	byCtx := threadpool.DeferToThread(ctx, p, never)
	byResult.Cancel()
	cancel()
	release()
	for _, res := range []*eventual.Result[int]{byResult, byCtx} {
		if _, err := res.Wait(soon); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

func nestedSubmissionGoesOn(t *testing.T) {
	for _, cfg := range []threadpool.Config{{Max: 1}, {Max: 1, QueueLimit: 1, BlockWhenFull: true}, {Max: 1, LockOSThread: true}} {
		p := newPool(t, cfg)
		var down func(n int) func(context.Context) (int, error)
		down = func(n int) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				if n == 0 {
					return 0, nil
				}
				v, err := threadpool.DeferToThread(ctx, p, down(n-1)).Wait(soon)
				return v + 1, err
			}
		}
		if v, err := threadpool.DeferToThread(context.Background(), p, down(50)).Wait(soon); v != 50 || err != nil {
			t.Errorf("%+v: %d, %v", cfg, v, err)
		}
	}
}

// nestedSubmissionIsBounded: a thousand jobs that each wait for another one, or
// for several, do not all begin before the first of these has its turn.
func nestedSubmissionIsBounded(t *testing.T) {
	var p *threadpool.Pool
	foreign := make(map[int]*eventual.Result[int])
	inner := func(ctx context.Context) *eventual.Result[int] { return threadpool.DeferToThread(ctx, p, one) }
	for name, wait := range map[string]func(context.Context, int) error{
		"one": func(ctx context.Context, _ int) error { _, err := inner(ctx).Wait(soon); return err },
		"several": func(ctx context.Context, _ int) error {
			_, err := eventual.All(inner(ctx), inner(ctx)).Wait(soon)
			return err
		},
		"another's": func(_ context.Context, i int) error { _, err := foreign[i].Wait(soon); return err },
		"a later one": func(ctx context.Context, _ int) error {
			r := inner(ctx)
			_ = p.CallInThread(ctx, nothing)
			_, err := r.Wait(soon)
			return err
		},
	} {
		const n = 1000
		p = newPool(t, threadpool.Config{Max: 2, Stopped: true})
		var now, most atomic.Int64
		var all []*eventual.Result[int]
		for i := range n {
			all = append(all, threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
				defer now.Add(-1)
				for k := now.Add(1); ; {
					if m := most.Load(); k <= m || most.CompareAndSwap(m, k) {
						break
					}
				}
				return 1, wait(ctx, i)
			}))
		}
		for i := range n {
			foreign[i] = threadpool.DeferToThread(context.Background(), p, one)
		}
		p.Start()
		if _, err := eventual.All(all...).Wait(soon); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if most.Load() > 40 {
			t.Errorf("%s: %d jobs under way at Max 2", name, most.Load())
		}
	}
}

// deadJobsMakeRoom: what waits in a full queue and will not be started is no
// reason to refuse those who still want something.
func deadJobsMakeRoom(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1, QueueLimit: 3})
	release := hold(t, p, 1, 1)
	ctx, cancel := context.WithCancelCause(context.Background())
	byCtx := threadpool.DeferToThread(ctx, p, one)
	byResult := threadpool.DeferToThread(context.Background(), p, one)
	alive := threadpool.DeferToThread(context.Background(), p, one)
	if err := p.CallInThread(context.Background(), nothing); !errors.Is(err, threadpool.ErrQueueFull) {
		t.Fatalf("%v", err)
	}
	cancel(errBoom)
	byResult.Cancel()
	for range 2 {
		if err := p.CallInThread(context.Background(), nothing); err != nil {
			t.Errorf("%v", err)
		}
	}
	if err := p.CallInThread(context.Background(), nothing); !errors.Is(err, threadpool.ErrQueueFull) {
		t.Errorf("%v", err)
	}
	if _, err := byCtx.Wait(0); !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
	release()
	if _, err := alive.Wait(soon); err != nil {
		t.Error(err)
	}
}

// slowJobHoldsNobodyUp: what a worker has taken along with a job that does not end
// is run by others, although these never run out of work.
func slowJobHoldsNobodyUp(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2, Stopped: true})
	done := make(chan struct{})
	submit := func(f func(context.Context)) {
		if err := p.CallInThread(context.Background(), f); err != nil {
			t.Error(err)
		}
	}
	submit(func(context.Context) {
		select {
		case <-done:
		case <-time.After(soon):
			t.Error("what came next was never run")
		}
	})
	submit(func(context.Context) { close(done) })
	var again func(context.Context)
	again = func(context.Context) {
		select {
		case <-done:
		default:
			submit(again)
		}
	}
	for range 100 {
		submit(again)
	}
	p.Start()
	<-done
}

func burstFindsIdleWorkers(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 8, QueueLimit: 1})
	for range 50 {
		release := make(chan struct{})
		for i := range 9 { // eight run, one waits
			if err := p.CallInThread(context.Background(), func(context.Context) { <-release }); err != nil {
				t.Fatalf("job %d: %v", i, err)
			}
		}
		close(release)
		for s := p.Stats(); s.Busy+s.Queued > 0; s = p.Stats() {
			runtime.Gosched()
		}
	}
}

// waitingSubmissionsFindIdleWorkers: the first job waits for the last one, which
// had to wait for room and then had a slot.
func waitingSubmissionsFindIdleWorkers(t *testing.T) {
	for range 100 {
		p := newPool(t, threadpool.Config{Max: 3, QueueLimit: 1, BlockWhenFull: true})
		last := make(chan struct{})
		for i := range 3 {
			if err := p.CallInThread(context.Background(), func(context.Context) {
				if i == 2 {
					close(last)
				}
				select {
				case <-last:
				case <-time.After(soon):
					t.Error("a slot was free and a job waited")
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func stopRefusesWaitingSubmissions(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1, QueueLimit: 1, BlockWhenFull: true})
	release := hold(t, p, 2, 1)
	defer release()
	var called atomic.Int32
	failed := make(chan error)
	go func() {
		failed <- threadpool.CallInThreadWithCallback(context.Background(), p, func(int, error) { called.Add(1) }, one)
	}()
	for p.Stats().Blocked != 1 {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var still *eventual.StopError
	if err := p.Stop(ctx); !errors.As(err, &still) || len(still.Running) != 1 {
		t.Errorf("Stop: %v", err)
	}
	if err := <-failed; !errors.Is(err, eventual.ErrStopped) || called.Load() != 0 {
		t.Errorf("%v, callback called %d times", err, called.Load())
	}
}
