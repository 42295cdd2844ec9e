package coiterate_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

func TestCoiterate_C01_RunsToExhaustion(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	var got []int
	res := coiterate.Coiterate(t.Context(), c, func(yield func(int) bool) {
		for i := range 5 {
			got = append(got, i)
			if !yield(i) {
				return
			}
		}
	})
	if _, ok := res.Peek(); ok {
		t.Error("done before its turn")
	}
	r.Pump()
	if _, err := res.Wait(0); err != nil || !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
		t.Errorf("%v, %v", got, err)
	}
	for name, end := range map[string]struct {
		how  func(yield func(int, error) bool)
		want error
	}{
		"error":  {func(yield func(int, error) bool) { yield(0, errBoom); t.Log("left") }, errBoom},
		"panic":  {func(func(int, error) bool) { panic(errBoom) }, errBoom},
		"goexit": {func(yield func(int, error) bool) { yield(0, nil); runtime.Goexit() }, eventual.ErrGoexit},
	} {
		task := coiterate.Cooperate(t.Context(), c, iter.Seq2[int, error](end.how))
		first := task.WhenDone()
		r.Pump()
		for _, res := range []*eventual.Result[struct{}]{first, task.WhenDone()} {
			if _, err := res.Wait(0); !errors.Is(err, end.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := task.Stop(); !errors.Is(err, coiterate.ErrTaskFailed) {
			t.Errorf("%s: Stop after the end: %v", name, err)
		}
	}
}

func TestCoiterate_C02_PauseNests(t *testing.T) {
	r, c := byHand(t, coiterate.Config{StepsPerTurn: 1})
	n := 0
	var task *coiterate.Task
	task = coiterate.Cooperate(t.Context(), c, func(yield func(int, error) bool) {
		for yield(n, nil) {
			if n++; n%3 == 0 {
				_, _ = task.Pause(), task.Pause()
			}
		}
	})
	r.Pump()
	if n != 3 {
		t.Errorf("paused at step %d", n)
	}
	if err := task.Resume(); err != nil {
		t.Fatal(err)
	}
	if r.Pump(); n != 3 {
		t.Errorf("one Resume for two Pauses: at step %d", n)
	}
	if err := task.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := task.Resume(); !errors.Is(err, coiterate.ErrNotPaused) {
		t.Errorf("%v", err)
	}
	if r.Pump(); n != 6 {
		t.Errorf("resumed: at step %d", n)
	}
	if err := task.Stop(); err != nil {
		t.Error(err)
	}
}

func TestCoiterate_C02_PausedAndAsleepNeedsBoth(t *testing.T) {
	for _, wakeFirst := range []bool{true, false} {
		r, c := byHand(t, coiterate.Config{})
		d := eventual.NewDeferred[int](nil)
		woke := false
		task := coiterate.Cooperate(t.Context(), c, func(yield func(eventual.Pending, error) bool) {
			if yield(d, nil) {
				woke = true
			}
		})
		r.Pump()
		if err := task.Pause(); err != nil {
			t.Fatal(err)
		}
		acts := []func(){func() { _ = d.Callback(1) }, func() { _ = task.Resume() }}
		if !wakeFirst {
			slices.Reverse(acts)
		}
		acts[0]()
		r.Pump()
		if woke {
			t.Error("one of the two was enough")
		}
		acts[1]()
		r.Pump()
		if _, err := task.WhenDone().Wait(0); !woke || err != nil {
			t.Errorf("woke %v, %v", woke, err)
		}
		if err := task.Pause(); !errors.Is(err, coiterate.ErrTaskDone) {
			t.Errorf("%v", err)
		}
	}
}

func TestCoiterate_C03_Stop(t *testing.T) {
	for name, prepare := range map[string]func(*reactortest.Reactor, *coiterate.Task){
		"before it began": func(*reactortest.Reactor, *coiterate.Task) {},
		"asleep":          func(r *reactortest.Reactor, _ *coiterate.Task) { r.Pump() },
		"paused":          func(r *reactortest.Reactor, task *coiterate.Task) { r.Pump(); _ = task.Pause() },
	} {
		t.Run(name, func(t *testing.T) {
			r, c := byHand(t, coiterate.Config{})
			began, unwound := false, false
			task := coiterate.Cooperate(t.Context(), c, func(yield func(eventual.Pending, error) bool) {
				began = true
				defer func() { unwound = true }()
				yield(eventual.NewDeferred[int](nil), nil)
			})
			prepare(r, task)
			if err := task.Stop(); err != nil {
				t.Fatal(err)
			}
			r.Pump()
			if _, err := task.WhenDone().Wait(0); !errors.Is(err, coiterate.ErrTaskStopped) || unwound != began {
				t.Errorf("%v, began %v, unwound %v", err, began, unwound)
			}
			if err := task.Stop(); !errors.Is(err, coiterate.ErrTaskStopped) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestCoiterate_C03_StopWhileOnlyPaused: nothing else keeps the task from running.
func TestCoiterate_C03_StopWhileOnlyPaused(t *testing.T) {
	r, c := byHand(t, coiterate.Config{StepsPerTurn: 1})
	n, unwound := 0, false
	var task *coiterate.Task
	task = coiterate.Cooperate(t.Context(), c, func(yield func(int, error) bool) {
		defer func() { unwound = true }()
		for yield(n, nil) {
			if n++; n == 3 {
				_ = task.Pause()
			}
		}
	})
	r.Pump()
	if n != 3 || unwound {
		t.Fatalf("at step %d, unwound %v", n, unwound)
	}
	if err := task.Stop(); err != nil {
		t.Fatal(err)
	}
	r.Pump()
	if _, err := task.WhenDone().Wait(0); !errors.Is(err, coiterate.ErrTaskStopped) || !unwound || n != 3 {
		t.Errorf("%v, unwound %v, at step %d", err, unwound, n)
	}
	if err := task.Resume(); !errors.Is(err, coiterate.ErrTaskStopped) {
		t.Errorf("Resume: %v", err)
	}
}

func TestCoiterate_C03_CancelAndCtx(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	res := coiterate.Run(t.Context(), c, func(y *coiterate.Yielder) (int, error) {
		return 0, y.Await(eventual.NewDeferred[int](nil))
	})
	r.Pump()
	res.Cancel()
	r.Pump()
	if _, err := res.Wait(0); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
	gone, leave := context.WithCancelCause(t.Context())
	for _, early := range []bool{true, false} { // before it is submitted, and before its turn
		if early {
			leave(errBoom)
		}
		never := coiterate.Coiterate(gone, c, func(func(int) bool) { t.Error("begun, although its ctx has ended") })
		leave(errBoom)
		r.Pump()
		if _, err := never.Wait(soon); !errors.Is(err, errBoom) {
			t.Errorf("%v", err)
		}
		gone, leave = context.WithCancelCause(t.Context())
	}
	leave(nil)
	live := reactor.New(reactor.Config{})
	live.Start()
	defer live.Stop(context.Background())
	lc := coiterate.New(live, coiterate.Config{})
	defer lc.Stop()
	ctx, cancel := context.WithCancelCause(context.Background())
	endless := coiterate.Coiterate(ctx, lc, func(yield func(int) bool) {
		for yield(0) {
		}
	})
	cancel(errBoom)
	if _, err := endless.Wait(soon); !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
	// One that does not take no for an answer is ended all the same.
	stubborn := coiterate.Run(context.Background(), lc, func(y *coiterate.Yielder) (int, error) {
		for {
			_ = y.Yield()
		}
	})
	stubborn.Cancel()
	if _, err := stubborn.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
}

func TestCoiterate_WaitIsRefused(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	pending, _ := eventual.New[int](nil)
	res := coiterate.Run(t.Context(), c, func(*coiterate.Yielder) (int, error) { return pending.Wait(time.Hour) })
	r.Pump()
	if _, err := res.Wait(0); !errors.Is(err, eventual.ErrWaitInReactor) {
		t.Errorf("%v", err)
	}
	if _, err := coiterate.Run[int](t.Context(), c, nil).Wait(0); err == nil {
		t.Error("nil function accepted")
	}
}

// TestCoiterate_NilsAreErrors that say what is nil, and a task of none has ended.
func TestCoiterate_NilsAreErrors(t *testing.T) {
	noScheduler := coiterate.New(nil, coiterate.Config{Name: "idle"})
	fn := func(*coiterate.Yielder) (int, error) { return 1, nil }
	for want, err := range map[string]error{
		"coiterate: Run: nil Cooperator":                           failure(coiterate.Run(t.Context(), nil, fn)),
		"coiterate: Coiterate: nil Cooperator":                     failure(coiterate.Coiterate(t.Context(), nil, upTo(3))),
		"coiterate idle: Run: New was given a nil Scheduler":       failure(coiterate.Run(t.Context(), noScheduler, fn)),
		"coiterate idle: Coiterate: nil ctx or sequence":           failure(coiterate.Coiterate[int](t.Context(), noScheduler, nil)),
		"coiterate idle: Cooperate: nil ctx or sequence":           failure(coiterate.Cooperate[int](t.Context(), noScheduler, nil).WhenDone()),
		"coiterate: Cooperate: nil Cooperator":                     failure(coiterate.Cooperate[int](t.Context(), nil, nil).WhenDone()),
		"coiterate idle: Coiterate: New was given a nil Scheduler": failure(coiterate.Coiterate(t.Context(), noScheduler, upTo(3))),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	task := coiterate.Cooperate[int](t.Context(), nil, nil)
	if err := task.Pause(); err == nil {
		t.Error("a task that never was can be paused")
	}
}

func failure[T any](r *eventual.Result[T]) error { _, err := r.Wait(0); return err }

// TestCoiterate_C02_PauseEndsTheTurn: a task that has a long slice before it is
// paused at the step that it is at, and no later.
func TestCoiterate_C02_PauseEndsTheTurn(t *testing.T) {
	r, c := byHand(t, coiterate.Config{Slice: time.Hour})
	n := 0
	var task *coiterate.Task
	task = coiterate.Cooperate(t.Context(), c, coiterate.Each(upTo(1000), func(int) error {
		if n++; n == 10 {
			return task.Pause()
		}
		return nil
	}))
	r.Pump()
	if n != 10 {
		t.Errorf("at step %d", n)
	}
	if err := task.Resume(); err != nil {
		t.Error(err)
	}
	if r.Pump(); n != 1000 {
		t.Errorf("resumed: at step %d", n)
	}
}

// TestCoiterate_C01_AsleepOnWhatFails: how it ended is for the sequence to look at,
// and a Result wakes the task as a Deferred does.
func TestCoiterate_C01_AsleepOnWhatFails(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	res, settle := eventual.New[int](nil)
	d := eventual.NewDeferred[int](nil)
	woke := 0
	task := coiterate.Cooperate(t.Context(), c, func(yield func(eventual.Pending, error) bool) {
		for _, p := range []eventual.Pending{res, d, eventual.Of(1), eventual.Succeed(1)} {
			if !yield(p, nil) {
				return
			}
			woke++
		}
	})
	r.Pump()
	if woke != 0 {
		t.Error("it did not sleep")
	}
	settle(0, errBoom)
	if r.Pump(); woke != 1 {
		t.Errorf("woke %d times", woke)
	}
	_ = d.Errback(errBoom)
	if r.Pump(); woke != 4 {
		t.Errorf("woke %d times", woke)
	}
	if _, err := task.WhenDone().Wait(0); err != nil {
		t.Error(err)
	}
	for _, looked := range []func() error{
		func() error { _, err := res.Wait(0); return err },
		func() error { o, _ := d.Peek(); return o.Err },
	} {
		if err := looked(); !errors.Is(err, errBoom) {
			t.Error(err)
		}
	}
}

func TestCoiterate_C01_WhenDoneIsIndependent(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	gate := eventual.NewDeferred[int](nil)
	task := coiterate.Cooperate(t.Context(), c, func(yield func(eventual.Pending, error) bool) { yield(gate, nil) })
	one, other := task.WhenDone(), task.WhenDone()
	r.Pump()
	one.Cancel()
	if _, err := one.Wait(0); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, done := other.Peek(); done {
		t.Error("the other ended with it")
	}
	_ = gate.Callback(1)
	r.Pump()
	for _, res := range []*eventual.Result[struct{}]{other, task.WhenDone()} {
		if _, err := res.Wait(0); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestCoiterate_C03_StopAfterTheEndTellsHow(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	var itself *coiterate.Task
	done := coiterate.Cooperate(t.Context(), c, coiterate.Each(upTo(3), func(int) error { return nil }))
	failed := coiterate.Cooperate(t.Context(), c, coiterate.Each(upTo(3), func(int) error { return errBoom }))
	itself = coiterate.Cooperate(t.Context(), c, coiterate.Each(upTo(3), func(i int) error {
		if i == 1 {
			return itself.Stop()
		}
		if i == 2 {
			t.Error("went on after Stop")
		}
		return nil
	}))
	r.Pump()
	for want, task := range map[error]*coiterate.Task{
		coiterate.ErrTaskDone: done, coiterate.ErrTaskFailed: failed, coiterate.ErrTaskStopped: itself,
	} {
		for name, op := range map[string]func() error{"Stop": task.Stop, "Pause": task.Pause, "Resume": task.Resume} {
			if err := op(); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
	if _, err := failed.WhenDone().Wait(0); !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
}

func TestCoiterate_NilIsRefused(t *testing.T) {
	r, c := byHand(t, coiterate.Config{Name: "nils"})
	ctx := t.Context()
	if err := coiterate.Cooperate[int](ctx, c, coiterate.Each[int](nil, nil)).Stop(); !errors.Is(err, coiterate.ErrTaskFailed) {
		t.Errorf("Cooperate: %v", err)
	}
	if _, err := coiterate.Coiterate[int](ctx, c, nil).Wait(0); err == nil || !strings.Contains(err.Error(), "coiterate nils") {
		t.Errorf("Coiterate: %v", err)
	}
	res := coiterate.Run(ctx, c, func(y *coiterate.Yielder) (int, error) { return 0, y.Await(nil) })
	r.Pump()
	if _, err := res.Wait(0); err == nil || !strings.Contains(err.Error(), "nothing to wait for") {
		t.Errorf("Await: %v", err)
	}
}
