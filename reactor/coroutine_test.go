package reactor_test

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

var errBoom = errors.New("boom")

func TestCoroutine_R11_Await(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	ctx := context.Background()
	result, settle := eventual.New[int](nil)
	d := eventual.NewDeferred[string](nil)
	waiting := make(chan struct{}, 2)
	co := reactor.Inline(ctx, r, func(co *reactor.Co) ([]string, error) {
		var got []string
		if v, err := reactor.Await(co, eventual.Of("fired result")); err == nil {
			got = append(got, v)
		}
		if v, err := reactor.Await(co, eventual.Succeed("fired deferred")); err == nil {
			got = append(got, v)
		}
		waiting <- struct{}{}
		if v, err := reactor.Await(co, result); err == nil && v == 3 {
			got = append(got, "result")
		}
		waiting <- struct{}{}
		if v, err := reactor.Await(co, d); err == nil {
			got = append(got, v)
		}
		_, err := reactor.Await(co, eventual.Failed[int](errBoom))
		return got, err
	})
	<-waiting
	on(t, r, func() {}) // the reactor is free while the coroutine waits
	go settle(3, nil)
	<-waiting
	on(t, r, func() { _ = d.Callback("deferred") })
	got, err := co.Wait(soon)
	if want := []string{"fired result", "fired deferred", "result", "deferred"}; !slices.Equal(got, want) || !errors.Is(err, errBoom) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCoroutine_R11_OneAtATimeWithoutLocks(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	shared := 0
	var all []*eventual.Result[int]
	for range 50 {
		all = append(all, reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
			for range 20 {
				v := shared
				if v%7 == 0 {
					v += 0
				}
				shared = v + 1
				if err := co.Yield(); err != nil {
					return 0, err
				}
			}
			return 1, nil
		}))
	}
	wait(t, eventual.All(all...))
	on(t, r, func() {
		if shared != 1000 {
			t.Errorf("%d", shared)
		}
	})
	if n := r.Stats().Coroutines; n != 0 {
		t.Errorf("%d coroutines live", n)
	}
}

func TestCoroutine_R11_NestedInline(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	var fib func(n int) func(co *reactor.Co) (int, error)
	fib = func(n int) func(co *reactor.Co) (int, error) {
		return func(co *reactor.Co) (int, error) {
			if n < 2 {
				return n, nil
			}
			a := reactor.Inline(co.Context(), r, fib(n-1))
			b := reactor.Inline(co.Context(), r, fib(n-2))
			x, err := reactor.Await(co, a)
			if err != nil {
				return 0, err
			}
			y, err := reactor.Await(co, b)
			return x + y, err
		}
	}
	if v := wait(t, reactor.Inline(context.Background(), r, fib(12))); v != 144 {
		t.Errorf("%d", v)
	}
}

func TestCoroutine_R11_CancelReachesTheAwaited(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	waiting := make(chan struct{})
	canceled := false
	d := eventual.NewDeferred(func(d *eventual.Deferred[int]) { canceled = true })
	co := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		close(waiting)
		return reactor.Await(co, d)
	})
	<-waiting
	co.Cancel()
	if _, err := co.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
	on(t, r, func() {
		if !canceled {
			t.Error("the canceller did not run")
		}
	})

	// A fetch that ignores its cancel does not hold the coroutine up.
	stuck, settle := eventual.New[int](nil)
	defer settle(0, nil)
	cause := errors.New("caller left")
	ctx, cancel := context.WithCancelCause(context.Background())
	waiting = make(chan struct{})
	co = reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) {
		close(waiting)
		return reactor.Await(co, stuck)
	})
	<-waiting
	cancel(cause)
	if _, err := co.Wait(soon); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

func TestCoroutine_R11_PanicAndGoexit(t *testing.T) {
	r := startReactor(t, reactor.Config{Logger: quiet()})
	for name, c := range map[string]struct {
		end  func()
		want error
	}{"panic": {func() { panic(errBoom) }, errBoom}, "goexit": {runtime.Goexit, eventual.ErrGoexit}} {
		for _, after := range []bool{false, true} {
			deferred := false
			_, err := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
				defer func() { deferred = true }()
				if after {
					if err := co.Sleep(time.Millisecond); err != nil {
						return 0, err
					}
				}
				c.end()
				return 0, nil
			}).Wait(soon)
			if !errors.Is(err, c.want) || !deferred {
				t.Errorf("%s: %v, deferred function ran: %v", name, err, deferred)
			}
		}
	}
	wait(t, reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { return 1, co.Yield() }))
	// A result is there a moment before its coroutine has given back the turn.
	n := wait(t, reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { return int(r.Stats().Coroutines), nil }))
	if n != 0 {
		t.Errorf("%d coroutines live", n)
	}
}

func TestCoroutine_R11_StopUnwinds(t *testing.T) {
	r := reactor.New(reactor.Config{Logger: quiet()})
	r.Start()
	var unwound atomic.Int32
	begin := func(body func(co *reactor.Co) error) *eventual.Result[int] {
		began := make(chan struct{})
		res := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
			defer unwound.Add(1)
			close(began)
			return 0, body(co)
		})
		<-began
		return res
	}
	never, _ := eventual.New[int](nil)
	all := []*eventual.Result[int]{
		begin(func(co *reactor.Co) error { _, err := reactor.Await(co, never); return err }),
		begin(func(co *reactor.Co) error { return co.Sleep(time.Hour) }),
		begin(func(co *reactor.Co) error { // does not take no for an answer
			for {
				_ = co.Sleep(time.Hour)
			}
		}),
		begin(func(co *reactor.Co) error { // awaits while it cleans up
			defer func() { _ = co.Sleep(time.Second) }()
			return co.Sleep(time.Hour)
		}),
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, res := range all {
		if _, err := res.Wait(0); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if unwound.Load() != int32(len(all)) {
		t.Errorf("%d of %d unwound", unwound.Load(), len(all))
	}
}

func TestCoroutine_R11_AMillionAwaitsOfFiredValues(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20))
	r := startReactor(t, reactor.Config{StallThreshold: -1})
	n := wait(t, reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		sum := 0
		fired := eventual.Of(1)
		for range 1_000_000 {
			v, err := reactor.Await(co, fired)
			if err != nil {
				return 0, err
			}
			sum += v
		}
		return sum, nil
	}))
	if n != 1_000_000 {
		t.Errorf("%d", n)
	}
}

func TestCoroutine_UsedElsewhereIsAnError(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	var kept *reactor.Co
	pending, settle := eventual.New[int](nil)
	defer settle(0, nil)
	waiting := make(chan struct{})
	co := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		kept = co
		close(waiting)
		return reactor.Await(co, pending)
	})
	<-waiting
	on(t, r, func() {
		if err := kept.Sleep(0); err == nil {
			t.Error("the reactor's goroutine slept with a coroutine's Co")
		}
	})
	settle(1, nil)
	wait(t, co)
}

func TestCoroutine_SleepOnVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{})
		r.Start()
		begun := time.Now()
		_, err := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
			return 0, co.Sleep(time.Hour)
		}).Wait(2 * time.Hour)
		if took := time.Since(begun); err != nil || took != time.Hour {
			t.Errorf("%v, %v", took, err)
		}
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestCoroutine_R11_FailuresAndCancelsOfBothKinds: what fails while it is awaited
// gives its error there, and what is awaited is cancelled, Result or Deferred.
func TestCoroutine_R11_FailuresAndCancelsOfBothKinds(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	type kind struct {
		x    reactor.Awaitable[int]
		fail func() // on r
	}
	canceled := make(chan struct{}, 1)
	kinds := map[string]func() kind{
		"result": func() kind {
			res, settle := eventual.New[int](func() { canceled <- struct{}{} })
			return kind{res, func() { settle(0, errBoom) }}
		},
		"deferred": func() kind {
			d := eventual.NewDeferred(func(*eventual.Deferred[int]) { canceled <- struct{}{} })
			return kind{d, func() { _ = d.Errback(errBoom) }}
		},
	}
	for name, make := range kinds {
		begin := func(k kind) *eventual.Result[int] {
			res := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { return reactor.Await(co, k.x) })
			on(t, r, func() {}) // it awaits
			return res
		}
		k := make()
		co := begin(k)
		on(t, r, k.fail)
		if _, err := co.Wait(soon); err != errBoom { //nolint:errorlint // the very error
			t.Errorf("%s: %v", name, err)
		}
		co = begin(make())
		co.Cancel()
		<-canceled
		if _, err := co.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("%s cancelled: %v", name, err)
		}
	}
}
