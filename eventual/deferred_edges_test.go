package eventual_test

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/trestle-go/trestle/eventual"
)

// A Goexit in one branch of a fan-out ends neither the other branches nor, by way
// of a failure nobody can handle, anything else.
func TestDeferred_D02_GoexitInAFanOut(t *testing.T) {
	seen := watchReports(t)
	func() {
		d := eventual.NewDeferred[int](nil)
		exits := eventual.ThenDeferred(d, func(int) (int, error) { runtime.Goexit(); return 0, nil }).Result()
		goesOn := eventual.ThenDeferred(d, func(int) (int, error) { return 2, nil }).Result()
		inner := eventual.Chain(d, func(int) *eventual.Deferred[int] { runtime.Goexit(); return nil }).Result()
		go func() { _ = d.Callback(1) }()
		if _, err := exits.Wait(soon); !errors.Is(err, eventual.ErrGoexit) {
			t.Errorf("the branch itself: %v", err)
		}
		if _, err := inner.Wait(soon); !errors.Is(err, eventual.ErrGoexit) {
			t.Errorf("the branch that chains: %v", err)
		}
		if v, err := goesOn.Wait(soon); v != 2 && v != 0 || err != nil {
			t.Errorf("the other branch: %d, %v", v, err)
		}
	}()
	for range 5 {
		runtime.GC()
		runtime.Gosched()
	}
	if n := seen.count(eventual.ErrGoexit.Error()); n != 0 {
		t.Errorf("reported %d times", n)
	}
}

func TestDeferred_D09_SeenStaysSeen(t *testing.T) {
	seen := watchReports(t)
	func() {
		d := eventual.Fail[int](errors.New("peeked before"))
		_, _ = d.Peek()
		d.AddCallback(func(v int) (int, error) { return v, nil })
		d.Pause()
		d.Unpause()
	}()
	func() { eventual.Fail[int](errors.New("the yardstick")) }()
	collect(t, func() bool { return seen.count("the yardstick") == 1 })
	for range 3 {
		runtime.GC()
	}
	if seen.count("peeked before") != 0 {
		t.Error("a failure that was seen is reported")
	}
}

func TestDeferred_D07_CancelWhileTheInnerIsMade(t *testing.T) {
	reached := false
	var outer *eventual.Deferred[int]
	d := eventual.NewDeferred[int](nil)
	outer = eventual.Chain(d, func(int) *eventual.Deferred[int] {
		outer.Cancel()
		return eventual.NewDeferred(func(*eventual.Deferred[int]) { reached = true })
	})
	_ = d.Callback(1)
	if _, err := outcome(t, outer); !reached || !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v, reached %v", err, reached)
	}
	var self *eventual.Deferred[int]
	e := eventual.NewDeferred[int](nil)
	self = eventual.Chain(e, func(int) *eventual.Deferred[int] { return self })
	_ = e.Callback(1)
	if _, err := outcome(t, self); err == nil {
		t.Error("a Deferred that waits for itself is no error")
	}
}

func TestDeferred_OnDoneInOrderAndContained(t *testing.T) {
	defer eventual.OnPanic(func(*eventual.PanicError) {})()
	d := eventual.NewDeferred[int](nil)
	var order []int
	d.OnDone(func() { order = append(order, 1) })
	d.OnDone(func() { panic("in a callback") })
	d.OnDone(runtime.Goexit)
	d.OnDone(func() { order = append(order, 2) })
	next := eventual.ThenDeferred(d, plus(1)).Result()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.Callback(1)
	}()
	<-done
	d.OnDone(func() { order = append(order, 3) })
	if v, err := next.Wait(soon); v != 2 || err != nil || !slices.Equal(order, []int{1, 2, 3}) {
		t.Errorf("%d, %v, told %v", v, err, order)
	}
}

func TestDeferred_Stress(t *testing.T) {
	for range 2000 {
		d := eventual.NewDeferred[int](nil)
		res := d.Result()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				switch i % 4 {
				case 0:
					_ = d.Callback(i)
				case 1:
					d.AddBoth(func(v int, err error) (int, error) { return v, nil })
				case 2:
					d.Pause()
					d.Unpause()
				case 3:
					d.Cancel()
				}
			})
		}
		wg.Wait()
		if _, err := res.Wait(soon); err != nil && !errors.Is(err, eventual.ErrCanceled) {
			t.Fatal(err)
		}
		if _, ok := d.Peek(); !ok {
			t.Fatal("the chain did not run dry")
		}
	}
}
