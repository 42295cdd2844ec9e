package eventual_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

// TestMisuse_NilsAreErrors gives nil wherever something may be nil.
func TestMisuse_NilsAreErrors(t *testing.T) {
	var none context.Context
	pending, _ := eventual.New[int](nil)
	var noResult *eventual.Result[int]
	var noDeferred *eventual.Deferred[int]
	failures := map[string]func() error{
		"WaitContext": func() error { _, err := pending.WaitContext(none); return err },
		"All":         func() error { _, err := eventual.All(pending, noResult).Wait(0); return err },
		"First":       func() error { _, err := eventual.First(noResult).Wait(0); return err },
		"Then":        func() error { _, err := eventual.Then[int, int](pending, nil).Wait(0); return err },
		"Then of":     func() error { _, err := eventual.Map(noResult, func(n int) int { return n }).Wait(0); return err },
		"Map":         func() error { _, err := eventual.Map[int, int](pending, nil).Wait(0); return err },
		"Settle": func() error {
			all, err := eventual.Settle(noResult).Wait(0)
			return errors.Join(err, all[0].Err)
		},
		"ThenDeferred":  func() error { return failureOf(eventual.ThenDeferred[int, int](noDeferred, nil)) },
		"Chain":         func() error { return failureOf(eventual.Chain[int, int](eventual.Succeed(1), nil)) },
		"GatherResults": func() error { return failureOf(eventual.GatherResults(noDeferred)) },
		"Race":          func() error { return failureOf(eventual.Race(noDeferred)) },
		"DeferredList": func() error {
			return failureOf(eventual.DeferredList(eventual.ListOptions{FireOnOneErrback: true, ConsumeErrors: true}, noDeferred))
		},
		"AddTimeout": func() error { return failureOf(eventual.Succeed(1).AddTimeout(nil, time.Second)) },
		"Errback":    func() error { d := eventual.NewDeferred[int](nil); _ = d.Errback(nil); return failureOf(d) },
		"Maybe":      func() error { return failureOf(eventual.Maybe[int](nil)) },
		"Semaphore":  func() error { return failureOf(new(eventual.Semaphore).Acquire()) },
		"Stash":      func() error { _, err := new(eventual.Stash[int]).Put(nil); return err },
	}
	for name, fails := range failures {
		if err := fails(); err == nil || errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func failureOf[T any](d *eventual.Deferred[T]) error {
	o, _ := d.Peek()
	return o.Err
}

// TestMisuse_ZeroValues asks a Result that nobody made, and a Deferred.
func TestMisuse_ZeroValues(t *testing.T) {
	var r eventual.Result[int]
	r.Cancel()
	if _, err := r.Wait(0); !errors.Is(err, eventual.ErrTimeout) {
		t.Errorf("Wait(0): %v", err)
	}
	if _, err := r.Wait(-time.Hour); !errors.Is(err, eventual.ErrTimeout) {
		t.Errorf("Wait(-1h): %v", err)
	}
	if _, ok := r.Peek(); ok {
		t.Error("it has an outcome")
	}
	var d eventual.Deferred[int]
	_ = d.Callback(3)
	if v, err := outcome(t, &d); v != 3 || err != nil {
		t.Errorf("%v, %v", v, err)
	}
}

// TestCombine_TheCallersSliceIsTheCallers changes what was given to a combinator
// while that still waits.
func TestCombine_TheCallersSliceIsTheCallers(t *testing.T) {
	r, settle := eventual.New[int](nil)
	rs := []*eventual.Result[int]{r, eventual.Of(2)}
	all, each, first := eventual.All(rs...), eventual.Settle(rs...), eventual.First(rs[:1]...)
	d := eventual.NewDeferred[int](nil)
	ds := []*eventual.Deferred[int]{d, eventual.Succeed(2)}
	gathered, raced := eventual.GatherResults(ds...), eventual.Race(ds[:1]...)
	clear(rs)
	clear(ds)
	settle(1, nil)
	_ = d.Callback(1)
	if vs, err := all.Wait(0); len(vs) != 2 || vs[0] != 1 || vs[1] != 2 || err != nil {
		t.Errorf("All: %v, %v", vs, err)
	}
	if os, err := each.Wait(0); len(os) != 2 || os[1].Value != 2 || err != nil {
		t.Errorf("Settle: %v, %v", os, err)
	}
	if v, err := first.Wait(0); v != 1 || err != nil {
		t.Errorf("First: %v, %v", v, err)
	}
	if vs, err := outcome(t, gathered); len(vs) != 2 || vs[0] != 1 || err != nil {
		t.Errorf("GatherResults: %v, %v", vs, err)
	}
	if w, err := outcome(t, raced); w.Value != 1 || err != nil {
		t.Errorf("Race: %v, %v", w, err)
	}
}

// elsewhere runs f on a goroutine of its own, which f may end.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func TestDeferred_D07_GoexitOfACanceller(t *testing.T) {
	exits := func() *eventual.Deferred[int] {
		return eventual.NewDeferred(func(*eventual.Deferred[int]) { runtime.Goexit() })
	}
	d := exits()
	elsewhere(d.Cancel)
	if _, err := outcome(t, d); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
	a, b := exits(), exits()
	all := eventual.GatherResults(a, b)
	elsewhere(all.Cancel)
	if _, err := outcome(t, all); err == nil { // looked at, or a later test is told of it
		t.Error("the list was cancelled and has succeeded")
	}
	for _, d := range []*eventual.Deferred[int]{a, b} {
		if _, ok := d.Peek(); !ok {
			t.Error("a member of the list was not cancelled")
		}
	}
}

func TestEventual_E09_CauseWithoutDone(t *testing.T) {
	life := eventual.NewLifetime("test")
	w := &queuedJob{life: life}
	w.Init(t.Context(), w)
	ctx, ok := w.Begin()
	if !ok {
		t.Fatal("not begun")
	}
	life.End(errBoom)
	if cause := context.Cause(ctx); !errors.Is(cause, errBoom) {
		t.Errorf("nobody asked for Done, and the cause is %v", cause)
	}
	w.Settle(1, nil)
}

// TestOnPanic_AHookThatExits has the result end all the same.
func TestOnPanic_AHookThatExits(t *testing.T) {
	defer eventual.OnPanic(func(*eventual.PanicError) { runtime.Goexit() })()
	_, err := eventual.Go(context.Background(), func(context.Context) (int, error) { panic("bang") }).Wait(soon)
	if !errors.Is(err, eventual.ErrGoexit) {
		t.Errorf("%v", err)
	}
}

// TestEventual_E10_AHookThatExits does not keep later failures from being
// reported.
func TestEventual_E10_AHookThatExits(t *testing.T) {
	var reported atomic.Int32
	mine := errors.New("mine")
	defer eventual.OnUnhandled(func(err error) {
		if errors.Is(err, mine) {
			reported.Add(1)
		}
		runtime.Goexit()
	})()
	for n := int32(1); n <= 3; n++ {
		eventual.Failed[int](mine)
		eventual.Fail[int](mine)
		collect(t, func() bool { return reported.Load() == 2*n })
	}
}

func TestEventual_E12_TheRuntimesOwnPanics(t *testing.T) {
	var p *eventual.PanicError
	_, err := eventual.Go(context.Background(), dereference).Wait(soon)
	if !errors.As(err, &p) {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(p.Stack), "\n", 3)
	if len(lines) < 3 || !strings.Contains(lines[1], "dereference") {
		t.Errorf("the stack does not begin with the function that panicked:\n%s", p.Stack)
	}
}

//go:noinline
func dereference(context.Context) (int, error) {
	var p *int
	return *p, nil
}

func TestLatest_WatchOnAReactor(t *testing.T) {
	var l eventual.Latest[int]
	l.Set(1)
	n := 0
	defer park.Leave(park.Enter(refuser{}))
	for range l.Watch(context.Background()) {
		n++
	}
	if n != 1 {
		t.Errorf("%d values", n)
	}
}
