package eventual_test

import (
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/trestle-go/trestle/eventual"
)

func TestDeferred_D11_LockAndSemaphore(t *testing.T) {
	sem, err := eventual.NewSemaphore(2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eventual.NewSemaphore(0); err == nil {
		t.Error("a semaphore of nothing")
	}
	for name, c := range map[string]struct {
		l eventual.Locker
		n int
	}{"lock": {new(eventual.Lock), 1}, "semaphore": {sem, 2}} {
		t.Run(name, func(t *testing.T) {
			var order []int
			var waiting []*eventual.Deferred[struct{}]
			for i := range c.n + 3 {
				waiting = append(waiting, c.l.Acquire().AddCallback(func(struct{}) (struct{}, error) {
					order = append(order, i)
					return struct{}{}, nil
				}))
			}
			waiting[c.n].Cancel()
			for range c.n + 2 {
				if err := c.l.Release(); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.l.Release(); !errors.Is(err, eventual.ErrNotHeld) {
				t.Errorf("released once too often: %v", err)
			}
			want := []int{0, 1, 2, 3, 4}[:c.n+3]
			want = slices.DeleteFunc(want, func(i int) bool { return i == c.n })
			if !slices.Equal(order, want) {
				t.Errorf("order %v, want %v", order, want)
			}
			for range c.n { // every way out gives the token back
				_, _ = eventual.Run(c.l, func() *eventual.Deferred[int] { return eventual.Fail[int](errBoom) }).Peek()
				_, _ = eventual.Run(c.l, func() *eventual.Deferred[int] { panic("bang") }).Peek()
			}
			if v, err := outcome(t, eventual.Run(c.l, func() *eventual.Deferred[int] { return eventual.Succeed(1) })); v != 1 || err != nil {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
}

// TestDeferred_D11_RunHoldsUntilItsDeferredHasFired, and releases when that fails, and
// when it is cancelled, too.
func TestDeferred_D11_RunHoldsUntilItsDeferredHasFired(t *testing.T) {
	for name, end := range map[string]func(*eventual.Deferred[int]){
		"value":   func(d *eventual.Deferred[int]) { _ = d.Callback(1) },
		"failure": func(d *eventual.Deferred[int]) { _ = d.Errback(errBoom) },
		"cancel":  func(d *eventual.Deferred[int]) { d.Cancel() },
	} {
		var l eventual.Lock
		work := eventual.NewDeferred[int](nil)
		run := eventual.Run(&l, func() *eventual.Deferred[int] { return work })
		next := l.Acquire()
		if _, ok := next.Peek(); ok {
			t.Errorf("%s: not held while the work goes on", name)
		}
		end(work)
		if _, ok := next.Peek(); !ok {
			t.Errorf("%s: not released", name)
		}
		_, _ = outcome(t, run)
		if err := l.Release(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.Release(); !errors.Is(err, eventual.ErrNotHeld) {
			t.Errorf("%s: released twice: %v", name, err)
		}
	}
}

func TestDeferred_D11_Queue(t *testing.T) {
	q := eventual.Queue[int]{Size: 2, Backlog: 2}
	_, _ = q.Put(1), q.Put(2)
	if err := q.Put(3); !errors.Is(err, eventual.ErrQueueOverflow) {
		t.Errorf("overflow: %v", err)
	}
	for want := 1; want <= 2; want++ {
		if v, _ := outcome(t, q.Get()); v != want {
			t.Errorf("got %d, want %d", v, want)
		}
	}
	a, b := q.Get(), q.Get()
	if _, err := outcome(t, q.Get()); !errors.Is(err, eventual.ErrQueueUnderflow) {
		t.Errorf("underflow: %v", err)
	}
	a.Cancel()
	_ = q.Put(5)
	if v, _ := outcome(t, b); v != 5 {
		t.Errorf("after a cancel: %d", v)
	}
}

func TestDeferred_D11_ALongLineNeedsNoDeepStack(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20))
	var l eventual.Lock
	held := l.Acquire()
	ran := 0
	var last *eventual.Deferred[int]
	for range 20_000 {
		last = eventual.Run(&l, func() *eventual.Deferred[int] { ran++; return eventual.Succeed(ran) })
	}
	if _, ok := held.Peek(); !ok || ran != 0 {
		t.Fatal("the lock is not held")
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if v, err := outcome(t, last); v != 20_000 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if err := l.Release(); !errors.Is(err, eventual.ErrNotHeld) {
		t.Errorf("%v", err)
	}
}

func TestDeferred_D11_GoexitOfAWaiter(t *testing.T) {
	var l eventual.Lock
	l.Acquire()
	exits := l.Acquire().AddCallback(func(struct{}) (struct{}, error) { runtime.Goexit(); return struct{}{}, nil }).Result()
	next := l.Acquire().Result()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.Release()
	}()
	<-done
	if err := l.Release(); err != nil { // of the one that exited
		t.Fatal(err)
	}
	if _, err := next.Wait(soon); err != nil {
		t.Error(err)
	}
	if _, err := exits.Wait(soon); !errors.Is(err, eventual.ErrGoexit) {
		t.Errorf("the one that exited: %v", err)
	}
}
