package threadpool_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
	"github.com/trestle-go/trestle/threadpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 20 * time.Second // longer than any machine needs

var errBoom = errors.New("boom")

func newPool(t testing.TB, cfg threadpool.Config) *threadpool.Pool {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := threadpool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return p
}

func one(context.Context) (int, error) { return 1, nil }

func explode(context.Context) (int, error) { panic(errBoom) }

// hold submits n jobs that run until release is called, and waits until running
// of them do.
func hold(t *testing.T, p *threadpool.Pool, n, running int) (release func()) {
	t.Helper()
	c, begun := make(chan struct{}), make(chan struct{}, n)
	for range n {
		if err := p.CallInThread(context.Background(), func(context.Context) {
			begun <- struct{}{}
			<-c
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range running {
		<-begun
	}
	return sync.OnceFunc(func() { close(c) })
}

func TestPool_T01_Elastic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := threadpool.New(threadpool.Config{Min: 2, Max: 5, IdleTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Workers != 2 {
			t.Errorf("%d workers at the start", s.Workers)
		}
		release := hold(t, p, 20, 5)
		if s := p.Stats(); s.Workers != 5 || s.Busy != 5 || s.Queued != 15 {
			t.Errorf("under load: %+v", s)
		}
		release()
		synctest.Wait()
		if s := p.Stats(); s.Workers != 5 || s.Idle != 5 || s.Busy != 0 || s.Succeeded != 20 {
			t.Errorf("after load: %+v", s)
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Workers != 2 {
			t.Errorf("%d workers after the idle timeout", s.Workers)
		}
		if v, err := threadpool.DeferToThread(context.Background(), p, one).Wait(time.Second); v != 1 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestPool_T01_AdjustPoolSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := threadpool.New(threadpool.Config{Max: 2, Stopped: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.AdjustPoolSize(1, 3); err != nil {
			t.Error(err)
		}
		for _, c := range [][2]int{{-1, 3}, {4, 3}, {0, 0}, {0, -1}} {
			if err := p.AdjustPoolSize(c[0], c[1]); err == nil || !strings.Contains(err.Error(), "M") {
				t.Errorf("%v: %v", c, err)
			}
		}
		p.Start()
		release := hold(t, p, 10, 3)
		if err := p.AdjustPoolSize(1, 6); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Busy != 6 {
			t.Errorf("%d busy after growing", s.Busy)
		}
		if err := p.AdjustPoolSize(0, 1); err != nil {
			t.Error(err)
		}
		release()
		synctest.Wait()
		if s := p.Stats(); s.Workers > 1 || s.Succeeded != 10 {
			t.Errorf("after shrinking: %+v", s)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := p.AdjustPoolSize(0, 1); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

func TestPool_T01_BadConfig(t *testing.T) {
	for want, cfg := range map[string]threadpool.Config{
		"Min is -1":   {Min: -1},
		"Max is -2":   {Max: -2},
		"Min is 3":    {Min: 3, Max: 2},
		"QueueLimit":  {QueueLimit: -1},
		"IdleTimeout": {IdleTimeout: -1},
		"SlowJob":     {SlowJob: -1},
		"Nice is 20":  {Nice: 20, LockOSThread: true},
		"Nice is 5":   {Nice: 5},
		"CPUs is [0]": {CPUs: []int{0}},
		"CPUs and":    {CPUs: []int{100000}, LockOSThread: true},
	} {
		if _, err := threadpool.New(cfg); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "threadpool pool") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestPool_T02_WorkBeforeStart(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 3, Stopped: true})
	var now, most atomic.Int32
	var all []*eventual.Result[int]
	for range 10 {
		all = append(all, threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
			most.Store(max(most.Load(), now.Add(1)))
			runtime.Gosched()
			now.Add(-1)
			return 1, nil
		}))
	}
	if s := p.Stats(); s.Workers != 0 || s.Queued != 10 {
		t.Errorf("before Start: %+v", s)
	}
	p.Start()
	p.Start()
	if _, err := eventual.All(all...).Wait(soon); err != nil || most.Load() > 3 {
		t.Errorf("%v, %d at once", err, most.Load())
	}
	few := newPool(t, threadpool.Config{Max: 100, Stopped: true})
	res := threadpool.DeferToThread(context.Background(), few, one)
	few.Start()
	if _, err := res.Wait(soon); err != nil || few.Stats().Workers != 1 {
		t.Errorf("%v, %d workers for one job", err, few.Stats().Workers)
	}
}

func TestPool_T03_EveryOutcomeReachesTheCaller(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	ctx := context.Background()
	for range 3 {
		if v, err := threadpool.DeferToThread(ctx, p, one).Wait(soon); v != 1 || err != nil {
			t.Errorf("value: %d, %v", v, err)
		}
		if _, err := threadpool.DeferToThread(ctx, p, func(context.Context) (int, error) { return 0, errBoom }).Wait(soon); !errors.Is(err, errBoom) {
			t.Errorf("error: %v", err)
		}
		_, err := threadpool.DeferToThread(ctx, p, explode).Wait(soon)
		var pe *eventual.PanicError
		if !errors.As(err, &pe) || !errors.Is(err, errBoom) || !strings.Contains(string(pe.Stack), "explode") {
			t.Errorf("panic: %v", err)
		}
		if _, err := threadpool.DeferToThread(ctx, p, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }).Wait(soon); !errors.Is(err, eventual.ErrGoexit) {
			t.Errorf("Goexit: %v", err)
		}
	}
	if s := p.Stats(); s.Succeeded != 3 || s.Failed != 9 || s.Panicked != 3 {
		t.Errorf("%+v", s)
	}
	if _, err := threadpool.DeferToThread[int](ctx, p, nil).Wait(0); err == nil {
		t.Error("nil function accepted")
	}
}

func TestPool_T03_CallInThread(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	var order []int
	done := make(chan struct{})
	if err := p.CallMultipleInThread(context.Background(),
		func(context.Context) { order = append(order, 1) },
		func(context.Context) { panic("bang") },
		func(context.Context) { order = append(order, 2); close(done) },
	); err != nil {
		t.Fatal(err)
	}
	<-done
	if !slices.Equal(order, []int{1, 2}) {
		t.Errorf("%v", order)
	}
	if err := p.CallInThread(context.Background(), nil); err == nil {
		t.Error("nil function accepted")
	}
}

func TestPool_T04_CallbackOnTheSameWorker(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 4})
	for _, fn := range []func(context.Context) (int64, error){
		func(context.Context) (int64, error) { return park.ID(), nil },
		func(context.Context) (int64, error) { return park.ID(), errBoom },
	} {
		type told struct {
			worker, here int64
			err          error
		}
		c := make(chan told, 1)
		err := threadpool.CallInThreadWithCallback(context.Background(), p, func(worker int64, err error) {
			c <- told{worker, park.ID(), err}
			panic("in the callback") // reported, and the worker goes on
		}, fn)
		if err != nil {
			t.Fatal(err)
		}
		if got := <-c; got.worker != got.here {
			t.Errorf("worker %d, callback on %d", got.worker, got.here)
		}
	}
	if v, err := threadpool.DeferToThread(context.Background(), p, one).Wait(soon); v != 1 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

type key struct{}

func TestPool_T05_Context(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "v"))
	began := make(chan struct{})
	res := threadpool.DeferToThread(ctx, p, func(ctx context.Context) (any, error) {
		close(began)
		<-ctx.Done()
		return ctx.Value(key{}), context.Cause(ctx)
	})
	queued := threadpool.DeferToThread(ctx, p, func(context.Context) (int, error) { t.Error("ran"); return 0, nil })
	<-began
	cancel(errBoom)
	if v, err := res.Wait(soon); v != "v" || !errors.Is(err, errBoom) {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := queued.Wait(soon); !errors.Is(err, errBoom) {
		t.Errorf("queued: %v", err)
	}
	release := hold(t, p, 1, 1)
	defer release()
	canceled := threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) { t.Error("ran"); return 0, nil })
	canceled.Cancel()
	if _, err := canceled.Wait(0); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("cancelled in the queue: %v", err)
	}
}

func TestPool_T06_StopFinishesWhatWasAccepted(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2})
	release := hold(t, p, 2, 2)
	var all []*eventual.Result[int]
	for range 20 {
		all = append(all, threadpool.DeferToThread(context.Background(), p, one))
	}
	stopping := make(chan error)
	go func() { stopping <- p.Stop(context.Background()) }()
	for p.CallInThread(context.Background(), func(context.Context) {}) == nil {
		runtime.Gosched()
	}
	release()
	if err := <-stopping; err != nil {
		t.Error(err)
	}
	if vs, err := eventual.All(all...).Wait(0); len(vs) != 20 || err != nil {
		t.Errorf("%v, %v", vs, err)
	}
	if _, err := threadpool.DeferToThread(context.Background(), p, one).Wait(0); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("after Stop: %v", err)
	}
	if s := p.Stats(); s.Workers != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPool_T06_StopOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := threadpool.New(threadpool.Config{Name: "db", Max: 1})
		if err != nil {
			t.Fatal(err)
		}
		began := make(chan struct{})
		running := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
			close(began)
			<-ctx.Done()
			time.Sleep(time.Hour) // and takes its time
			return 0, context.Cause(ctx)
		})
		<-began
		queued := threadpool.DeferToThread(context.Background(), p, one)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = p.Stop(ctx)
		var stop *eventual.StopError
		if !errors.As(err, &stop) || len(stop.Running) != 1 || stop.Running[0].Age != time.Second || !strings.Contains(stop.Running[0].Submitted, "pool_test.go") || !strings.Contains(stop.Running[0].Stack, "StopOutOfTime") {
			t.Errorf("%v: %+v", err, stop)
		}
		if _, err := queued.Wait(0); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("queued: %v", err)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Errorf("a second Stop: %v", err)
		}
		if _, err := running.Wait(0); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("running: %v", err)
		}
	})
}

func TestPool_T06_StopFromAWorkerAndBeforeStart(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2})
	if _, err := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
		return 0, p.Stop(ctx)
	}).Wait(soon); err != nil {
		t.Error(err)
	}
	never := newPool(t, threadpool.Config{Max: 2, Stopped: true})
	res := threadpool.DeferToThread(context.Background(), never, one)
	if err := never.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if v, err := res.Wait(0); v != 1 || err != nil {
		t.Errorf("accepted before a Stop without Start: %d, %v", v, err)
	}
}

func TestPool_T06_SlotIsKeptUntilTheJobEnds(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2})
	var now, most atomic.Int32
	block := make(chan struct{})
	for range 6 {
		res := threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-block
			now.Add(-1)
			return 0, nil
		})
		if _, err := res.Wait(time.Millisecond); !errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("%v", err)
		}
		res.Cancel() // its caller has given up; the job has not ended
	}
	if s := p.Stats(); s.Busy != 2 || most.Load() != 2 {
		t.Errorf("%d busy, %d at once", s.Busy, most.Load())
	}
	close(block)
}

func TestPool_T07_FullQueueRefusesAtOnce(t *testing.T) {
	p := newPool(t, threadpool.Config{Name: "q", Max: 1, QueueLimit: 2})
	release := hold(t, p, 1, 1)
	a, b := threadpool.DeferToThread(context.Background(), p, one), threadpool.DeferToThread(context.Background(), p, one)
	_, err := threadpool.DeferToThread(context.Background(), p, one).Wait(0)
	if !errors.Is(err, threadpool.ErrQueueFull) || !errors.Is(err, eventual.ErrQueueFull) || !strings.Contains(err.Error(), "threadpool q") {
		t.Errorf("%v", err)
	}
	if err := p.CallInThread(context.Background(), func(context.Context) {}); !errors.Is(err, threadpool.ErrQueueFull) {
		t.Errorf("%v", err)
	}
	release()
	if _, err := eventual.All(a, b).Wait(soon); err != nil {
		t.Error(err)
	}
}

func TestPool_T07_BlockWhenFull(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1, QueueLimit: 1, BlockWhenFull: true})
	release := hold(t, p, 1, 1)
	first := threadpool.DeferToThread(context.Background(), p, one)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := threadpool.DeferToThread(ctx, p, one).Wait(0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no room in time: %v", err)
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := threadpool.DeferToThread(context.Background(), p, one).Wait(soon); err != nil {
				t.Error(err)
			}
		})
	}
	for p.Stats().Blocked != 5 {
		runtime.Gosched()
	}
	release()
	wg.Wait()
	if _, err := first.Wait(soon); err != nil {
		t.Error(err)
	}
}

func TestPool_T08_JobsWaitForJobsOfTheSamePool(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	var now, most atomic.Int32
	var fib func(n int) func(context.Context) (int, error)
	fib = func(n int) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			enter := func() { most.Store(max(most.Load(), now.Add(1))) }
			enter()
			defer now.Add(-1)
			if n < 2 {
				return n, nil
			}
			a, b := threadpool.DeferToThread(ctx, p, fib(n-1)), threadpool.DeferToThread(ctx, p, fib(n-2))
			now.Add(-1) // not running while it waits
			x, err := a.Wait(soon)
			if err != nil {
				enter()
				return 0, err
			}
			y, err := b.WaitContext(ctx)
			enter()
			return x + y, err
		}
	}
	if v, err := threadpool.DeferToThread(context.Background(), p, fib(10)).Wait(soon); v != 55 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if most.Load() > 1 {
		t.Errorf("%d ran at once at Max 1", most.Load())
	}
	if s := p.Stats(); s.Waiting != 0 || s.Busy > 1 {
		t.Errorf("%+v", s)
	}
}

func TestPool_T09_IdleWorkersKeepNothingAlive(t *testing.T) {
	p := newPool(t, threadpool.Config{Min: 2, Max: 2})
	gone := make(chan struct{})
	func() {
		big := new([1 << 12]byte)
		runtime.AddCleanup(big, func(struct{}) { close(gone) }, struct{}{})
		res := threadpool.DeferToThread(context.WithValue(context.Background(), key{}, big), p, func(context.Context) (*[1 << 12]byte, error) { return big, nil })
		if _, err := res.Wait(soon); err != nil {
			t.Error(err)
		}
	}()
	for end := time.Now().Add(soon); ; {
		runtime.GC()
		select {
		case <-gone:
			return
		default:
		}
		if time.Now().After(end) {
			t.Fatal("what the job used is still alive")
		}
		runtime.Gosched()
	}
}
