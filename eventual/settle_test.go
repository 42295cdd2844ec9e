package eventual_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// running is work in one record, as components have it.
type running struct {
	eventual.Promise[int]
	room eventual.Room
	fn   func(context.Context) (int, error)
}

func (*running) Lifetime() *eventual.Lifetime { return nil }
func (*running) Func() uintptr                { return 0 }

func newRunning(fn func(context.Context) (int, error)) *running {
	w := &running{fn: fn}
	w.InitIn(&w.room, nil, nil, w)
	return w
}

// TestEventual_E13_TheEndAgainstEverything runs work while others wait, ask to be told,
// use its ctx and cancel it, each from the very beginning: the end without a lock must
// meet all of them in every state. All get one and the same outcome, each once.
func TestEventual_E13_TheEndAgainstEverything(t *testing.T) {
	defer eventual.OnUnhandled(func(error) {})() // nobody looks at what is refused
	parties := map[string]func(w *running, fail func(string)){
		"Wait": func(w *running, fail func(string)) {
			if _, err := w.Result().Wait(soon); err != nil && !errors.Is(err, eventual.ErrCanceled) {
				fail("Wait: " + err.Error())
			}
		},
		"a wait that gives up": func(w *running, fail func(string)) {
			if _, err := w.Result().Wait(time.Microsecond); err != nil && !errors.Is(err, eventual.ErrCanceled) && !errors.Is(err, eventual.ErrTimeout) {
				fail("short Wait: " + err.Error())
			}
		},
		"Done": func(w *running, fail func(string)) {
			<-w.Result().Done()
			if _, ok := w.Result().Peek(); !ok {
				fail("told of an end that is not there")
			}
		},
		"OnDone": func(w *running, fail func(string)) {
			told := make(chan struct{}, 2)
			w.Result().OnDone(func() { told <- struct{}{} })
			<-told
			if len(told) > 0 {
				fail("told twice")
			}
		},
		"Cancel": func(w *running, _ func(string)) { w.Result().Cancel() },
		"Refuse": func(w *running, _ func(string)) { w.Refuse(eventual.ErrCanceled) },
	}
	for name, party := range parties {
		t.Run(name, func(t *testing.T) {
			for range 3_000 {
				againstEnd(t, party)
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		for range 1_000 {
			againstEnd(t, parties["Wait"], parties["a wait that gives up"], parties["Done"], parties["OnDone"], parties["Cancel"])
		}
	})
}

// againstEnd has the parties meet the end of one piece of work.
func againstEnd(t *testing.T, parties ...func(w *running, fail func(string))) {
	t.Helper()
	var given atomic.Pointer[context.Context]
	w := newRunning(func(ctx context.Context) (int, error) {
		given.Store(&ctx)
		return 7, nil
	})
	var all sync.WaitGroup
	for _, party := range parties {
		all.Go(func() { party(w, func(why string) { t.Error(why) }) })
	}
	all.Go(func() { w.RunIn(&w.room, &w.fn) })
	all.Wait()
	if w.fn != nil {
		t.Error("the function is kept")
	}
	o, ok := w.Result().Peek()
	ctx := given.Load()
	switch {
	case !ok:
		t.Fatal("it has not ended")
	case ctx == nil && !errors.Is(o.Err, eventual.ErrCanceled):
		t.Errorf("never started: %v", o)
	case ctx != nil && o != eventual.Outcome[int]{Value: 7}:
		t.Errorf("%v", o)
	case ctx != nil && !errors.Is((*ctx).Err(), context.Canceled):
		t.Errorf("its ctx goes on: %v", (*ctx).Err())
	}
}

// TestEventual_E09_ACancelFindsTheEnd cancels while the work is begun: when Cancel has
// returned, the work has begun or has ended.
func TestEventual_E09_ACancelFindsTheEnd(t *testing.T) {
	for range 20_000 {
		var began atomic.Bool
		w := newRunning(func(context.Context) (int, error) { began.Store(true); return 1, nil })
		var run sync.WaitGroup
		run.Go(func() { w.RunIn(&w.room, &w.fn) })
		w.Result().Cancel()
		settled := w.Settled()
		run.Wait()
		if !began.Load() && !settled {
			t.Fatal("cancelled in the queue, and pending")
		}
	}
}

// TestEventual_E12_TheEndOfWorkInARoom has work end in each way that there is.
func TestEventual_E12_TheEndOfWorkInARoom(t *testing.T) {
	defer eventual.OnPanic(func(*eventual.PanicError) {})()
	for name, c := range map[string]struct {
		fn   func(context.Context) (int, error)
		want error
	}{
		"error":         {func(context.Context) (int, error) { return 0, errBoom }, errBoom},
		"panic":         {func(context.Context) (int, error) { panic(errBoom) }, errBoom},
		"Goexit":        {func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }, eventual.ErrGoexit},
		"its ctx asked": {func(ctx context.Context) (int, error) { ctx.Done(); return 0, nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRunning(c.fn)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				w.RunIn(&w.room, &w.fn)
			}()
			<-ended
			if _, err := w.Result().Wait(0); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if w.fn != nil {
				t.Error("the function is kept")
			}
			if w.RunIn(&w.room, &w.fn) {
				t.Error("run again")
			}
		})
	}
}
