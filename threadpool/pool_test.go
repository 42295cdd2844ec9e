package threadpool_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
	"github.com/trestle-go/trestle/threadpool"
)

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
	var none *threadpool.Pool
	_, err := threadpool.DeferToThread(ctx, none, func(context.Context) (int, error) { return 1, nil }).Wait(0)
	if err == nil || err.Error() != "threadpool: DeferToThread: nil pool" {
		t.Errorf("nil pool: %v", err)
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

// TestPool_T04_OneFunctionOfSeveralEndsAlone: whatever ends it.
func TestPool_T04_OneFunctionOfSeveralEndsAlone(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	var ran strings.Builder
	f := func(name string, end func()) func(context.Context) {
		return func(context.Context) { ran.WriteString(name); end() }
	}
	if err := p.CallMultipleInThread(context.Background(),
		f("a", runtime.Goexit), f("b", func() { panic(errBoom) }), f("c", runtime.Goexit), f("d", func() {})); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); ran.String() != "abcd" || s.Failed != 3 || s.Panicked != 1 || s.Succeeded != 1 {
		t.Errorf("%s: %+v", ran.String(), s)
	}
}
