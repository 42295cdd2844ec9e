package eventual_test

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

var errBoom = errors.New("boom")

func outcome[T any](t *testing.T, d *eventual.Deferred[T]) (T, error) {
	t.Helper()
	o, ok := d.Peek()
	if !ok {
		t.Fatal("the Deferred has no outcome")
	}
	return o.Value, o.Err
}

func plus(n int) func(int) (int, error) { return func(v int) (int, error) { return v + n, nil } }

func TestDeferred_D01_CallbacksRunInOrder(t *testing.T) {
	d := eventual.NewDeferred[int](nil).AddCallback(plus(1)).AddCallback(func(v int) (int, error) { return v * 10, nil })
	if _, ok := d.Peek(); ok {
		t.Fatal("an outcome before it fired")
	}
	if err := d.Callback(2); err != nil {
		t.Fatal(err)
	}
	if v, err := outcome(t, d); v != 30 || err != nil {
		t.Errorf("%v, %v", v, err)
	}
}

func TestDeferred_D02_ErrorsAndPanicsGoToTheNextErrback(t *testing.T) {
	for name, fail := range map[string]func(int) (int, error){
		"error": func(int) (int, error) { return 0, errBoom },
		"panic": func(int) (int, error) { panic(errBoom) },
	} {
		t.Run(name, func(t *testing.T) {
			skipped := 0
			d := eventual.Succeed(1).AddCallback(fail).
				AddCallback(func(v int) (int, error) { skipped++; return v, nil }).
				AddErrback(func(err error) (int, error) {
					if !errors.Is(err, errBoom) {
						t.Errorf("errback got %v", err)
					}
					return 5, nil
				}).
				AddErrback(func(error) (int, error) { skipped++; return 0, nil }).
				AddBoth(func(v int, err error) (int, error) { return v + 1, err })
			if v, err := outcome(t, d); v != 6 || err != nil || skipped != 0 {
				t.Errorf("%v, %v, %d wrongly called", v, err, skipped)
			}
		})
	}
	// The errback of a pair does not see the failure of its own callback.
	d := eventual.Succeed(1).AddCallbacks(func(int) (int, error) { return 0, errBoom }, func(error) (int, error) { return 9, nil })
	if _, err := outcome(t, d); !errors.Is(err, errBoom) {
		t.Errorf("pair: %v", err)
	}
}

func TestDeferred_D02_GoexitEndsOnlyTheCallback(t *testing.T) {
	d := eventual.NewDeferred[int](nil).
		AddCallback(func(int) (int, error) { runtime.Goexit(); return 0, nil }).
		AddErrback(func(err error) (int, error) {
			if !errors.Is(err, eventual.ErrGoexit) {
				t.Errorf("errback got %v", err)
			}
			return 3, nil
		})
	next := eventual.ThenDeferred(d, func(v int) (string, error) { return fmt.Sprint(v), nil })
	res := next.Result()
	go func() { _ = d.Callback(1) }()
	if v, err := res.Wait(soon); v != "3" || err != nil {
		t.Errorf("%v, %v", v, err)
	}
}

func TestDeferred_D03_AddedAfterFiringRunsAtOnce(t *testing.T) {
	d := eventual.Succeed(1)
	ran := false
	d.AddCallback(func(v int) (int, error) { ran = true; return v, nil })
	if !ran {
		t.Error("did not run")
	}
}

func TestDeferred_D04_FiringTwice(t *testing.T) {
	d := eventual.NewDeferred[int](nil)
	if err := d.Callback(1); err != nil {
		t.Fatal(err)
	}
	if err := d.Callback(2); !errors.Is(err, eventual.ErrAlreadyCalled) {
		t.Errorf("Callback: %v", err)
	}
	if err := d.Errback(errBoom); !errors.Is(err, eventual.ErrAlreadyCalled) {
		t.Errorf("Errback: %v", err)
	}
	if v, _ := outcome(t, d); v != 1 {
		t.Errorf("value %d", v)
	}
}

func TestDeferred_D05_ChainSuspendsTheOuter(t *testing.T) {
	inner := eventual.NewDeferred[string](nil)
	outer := eventual.Chain(eventual.Succeed(1), func(int) *eventual.Deferred[string] { return inner })
	if _, ok := outer.Peek(); ok {
		t.Fatal("outer did not wait")
	}
	_ = inner.Callback("in")
	if v, err := outcome(t, outer); v != "in" || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	failed := eventual.Chain(eventual.Fail[int](errBoom), func(int) *eventual.Deferred[string] { t.Error("called"); return nil })
	if _, err := outcome(t, failed); !errors.Is(err, errBoom) {
		t.Errorf("failure passed on: %v", err)
	}
	none := eventual.Chain(eventual.Succeed(1), func(int) *eventual.Deferred[string] { return nil })
	if _, err := outcome(t, none); err == nil {
		t.Error("a nil inner Deferred is no error")
	}
}

func TestDeferred_D05_AMillionNeedsNoDeeperStack(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20))
	// All of a million is alive until the end: collecting meanwhile finds nothing, and
	// lets the heap grow to twice the size.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	run := func(name string, f func(t *testing.T)) {
		t.Run(name, f)
		runtime.GC()
	}
	n := 1_000_000
	if raceEnabled {
		n = 100_000
	}
	run("links", func(t *testing.T) {
		d := eventual.NewDeferred[int](nil)
		for range n {
			d.AddCallback(plus(1))
		}
		_ = d.Callback(0)
		if v, _ := outcome(t, d); v != n {
			t.Errorf("%d", v)
		}
	})
	fired := eventual.Succeed(7) // one for all: what is measured is not how many there are
	run("chained behind each other", func(t *testing.T) {
		first, called := eventual.NewDeferred[int](nil), 0
		last := first
		next := func(int) *eventual.Deferred[int] { called++; return fired }
		for range n {
			last = eventual.Chain(last, next)
		}
		_ = first.Callback(0)
		if v, _ := outcome(t, last); v != 7 || called != n {
			t.Errorf("%d, %d called", v, called)
		}
	})
	run("nested in each other", func(t *testing.T) {
		inner := eventual.NewDeferred[int](nil)
		outer := inner
		for range n {
			held := outer
			outer = eventual.Chain(fired, func(int) *eventual.Deferred[int] { return held })
		}
		_ = inner.Callback(8)
		if v, _ := outcome(t, outer); v != 8 {
			t.Errorf("%d", v)
		}
	})
	run("cancel through all", func(t *testing.T) {
		first := eventual.NewDeferred[int](nil)
		last := first
		for range n {
			last = eventual.ThenDeferred(last, plus(1))
		}
		last.Cancel()
		if _, err := outcome(t, last); !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("%v", err)
		}
	})
	run("added to a fired one", func(t *testing.T) {
		d := eventual.Succeed(0)
		for range n {
			d.AddCallback(plus(1))
		}
		if v, _ := outcome(t, d); v != n {
			t.Errorf("%d", v)
		}
	})
}

func TestDeferred_D06_PauseNests(t *testing.T) {
	d := eventual.Succeed(0)
	d.Pause()
	d.Pause()
	d.AddCallback(plus(1))
	d.Unpause()
	if _, ok := d.Peek(); ok {
		t.Fatal("ran while paused")
	}
	d.Unpause()
	d.Unpause()
	if v, _ := outcome(t, d); v != 1 {
		t.Errorf("%d", v)
	}
	// Paused by a callback of its own, it stands still after that one.
	e := eventual.NewDeferred[int](nil)
	e.AddCallback(func(v int) (int, error) { e.Pause(); return v + 1, nil }).AddCallback(plus(10))
	done := false
	e.OnDone(func() { done = true })
	_ = e.Callback(0)
	if done {
		t.Error("done while paused")
	}
	e.Unpause()
	if v, _ := outcome(t, e); v != 11 || !done {
		t.Errorf("%d, done %v", v, done)
	}
}

func TestDeferred_D07_Cancel(t *testing.T) {
	t.Run("canceller is called once", func(t *testing.T) {
		calls := 0
		d := eventual.NewDeferred(func(d *eventual.Deferred[int]) { calls++ })
		d.Cancel()
		d.Cancel()
		if _, err := outcome(t, d); !errors.Is(err, eventual.ErrCanceled) || calls != 1 {
			t.Errorf("%v, %d calls", err, calls)
		}
		if err := d.Callback(1); err != nil {
			t.Errorf("one late Callback: %v", err)
		}
		if _, err := outcome(t, d); !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("a late Callback has changed the outcome: %v", err)
		}
		if err := d.Callback(1); !errors.Is(err, eventual.ErrAlreadyCalled) {
			t.Errorf("second late Callback: %v", err)
		}
		d = eventual.NewDeferred[int](nil)
		d.Cancel()
		if err := d.Errback(errBoom); err != nil {
			t.Errorf("one late Errback: %v", err)
		}
		if _, err := outcome(t, d); !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("a late Errback has changed the outcome: %v", err)
		}
	})
	t.Run("of a chain calls the canceller of the innermost only", func(t *testing.T) {
		var called []string
		canceller := func(name string) func(*eventual.Deferred[int]) {
			return func(*eventual.Deferred[int]) { called = append(called, name) }
		}
		first, second := eventual.NewDeferred(canceller("first")), eventual.NewDeferred(canceller("second"))
		outer := eventual.Chain(first, func(int) *eventual.Deferred[int] { return second })
		_ = first.Callback(1) // fired: the second is what it waits for
		outer.Cancel()
		outer.Cancel()
		if !slices.Equal(called, []string{"second"}) {
			t.Errorf("called %v", called)
		}
		called = nil
		first = eventual.NewDeferred(canceller("first"))
		eventual.Chain(first, func(int) *eventual.Deferred[int] { t.Error("went on"); return nil }).Cancel()
		if !slices.Equal(called, []string{"first"}) {
			t.Errorf("called %v", called)
		}
	})
	t.Run("canceller may fire", func(t *testing.T) {
		d := eventual.NewDeferred(func(d *eventual.Deferred[int]) { _ = d.Callback(4) })
		d.Cancel()
		if v, err := outcome(t, d); v != 4 || err != nil {
			t.Errorf("%v, %v", v, err)
		}
		if err := d.Callback(1); !errors.Is(err, eventual.ErrAlreadyCalled) {
			t.Errorf("Callback after the canceller fired: %v", err)
		}
	})
	t.Run("reaches the innermost", func(t *testing.T) {
		reached := false
		inner := eventual.NewDeferred(func(*eventual.Deferred[int]) { reached = true })
		outer := eventual.ThenDeferred(eventual.Chain(eventual.Succeed(1), func(int) *eventual.Deferred[int] { return inner }), plus(1))
		outer.Cancel()
		if _, err := outcome(t, outer); !reached || !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("reached %v, %v", reached, err)
		}
	})
	t.Run("has no effect once fired", func(t *testing.T) {
		d := eventual.NewDeferred(func(*eventual.Deferred[int]) { t.Error("called") })
		_ = d.Callback(1)
		d.Cancel()
		if v, err := outcome(t, d); v != 1 || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	})
	t.Run("from the Result", func(t *testing.T) {
		d := eventual.NewDeferred[int](nil)
		r := d.Result()
		r.Cancel()
		if _, err := r.Wait(0); !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("%v", err)
		}
	})
}

// manualClock is time that a test moves.
type manualClock struct {
	timers []*manualTimer
}

type manualTimer struct {
	after time.Duration
	f     func()
}

func (c *manualClock) Now() time.Time { return time.Time{} }
func (c *manualClock) AfterFunc(d time.Duration, f func()) func() bool {
	m := &manualTimer{d, f}
	c.timers = append(c.timers, m)
	return func() bool {
		n := len(c.timers)
		c.timers = slices.DeleteFunc(c.timers, func(o *manualTimer) bool { return o == m })
		return len(c.timers) < n
	}
}

func TestDeferred_D08_AddTimeout(t *testing.T) {
	var c manualClock
	canceled := 0
	d := eventual.NewDeferred(func(*eventual.Deferred[int]) { canceled++ }).AddTimeout(&c, time.Second)
	if after := c.timers[0].after; after != time.Second {
		t.Errorf("the timer is set to %v", after)
	}
	c.timers[0].f()
	if _, err := outcome(t, d); !errors.Is(err, eventual.ErrTimeout) || errors.Is(err, eventual.ErrCanceled) || canceled != 1 {
		t.Errorf("late: %v, cancelled %d times", err, canceled)
	}
	c = manualClock{}
	d = eventual.NewDeferred(func(d *eventual.Deferred[int]) { _ = d.Errback(errBoom) }).AddTimeout(&c, time.Second)
	c.timers[0].f()
	if _, err := outcome(t, d); !errors.Is(err, errBoom) {
		t.Errorf("a canceller that says more: %v", err)
	}
	c = manualClock{}
	d = eventual.NewDeferred[int](nil).AddTimeout(&c, time.Second)
	_ = d.Callback(1)
	if v, err := outcome(t, d); v != 1 || err != nil || len(c.timers) != 0 {
		t.Errorf("in time: %v, %v, %d timers left", v, err, len(c.timers))
	}
	c = manualClock{}
	d = eventual.NewDeferred[int](nil).AddTimeout(&c, time.Second)
	d.Cancel()
	if _, err := outcome(t, d); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("cancelled otherwise: %v", err)
	}
}

func TestDeferred_D09_UnhandledFailureIsReportedOnce(t *testing.T) {
	var mu sync.Mutex
	var got []string
	defer eventual.OnUnhandled(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, err.Error())
	})()
	count := func(s string) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, g := range got {
			if strings.Contains(g, s) {
				n++
			}
		}
		return n
	}
	func() {
		eventual.Fail[int](errors.New("nobody looked"))
		d := eventual.Fail[int](errors.New("handled late"))
		d.AddErrback(func(error) (int, error) { return 0, nil })
		_, _ = eventual.Fail[int](errors.New("peeked")).Peek()
		_, _ = eventual.Fail[int](errors.New("taken over")).Result().Wait(0)
		eventual.DeferredList(eventual.ListOptions{ConsumeErrors: true}, eventual.Fail[int](errors.New("in a list")))
	}()
	collect(t, func() bool { return count("nobody looked") > 0 })
	for range 3 {
		runtime.GC()
	}
	if count("nobody looked") != 1 {
		t.Errorf("reported %d times", count("nobody looked"))
	}
	for _, s := range []string{"handled late", "peeked", "taken over", "in a list"} {
		if count(s) != 0 {
			t.Errorf("%q was reported", s)
		}
	}
}

func BenchmarkDeferredLink(b *testing.B) {
	const links = 1000
	b.ReportAllocs()
	add := plus(1)
	for b.Loop() {
		d := eventual.NewDeferred[int](nil)
		for range links {
			d.AddCallback(add)
		}
		_ = d.Callback(0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*links), "ns/link")
}
