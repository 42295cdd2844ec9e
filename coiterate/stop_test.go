package coiterate_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

func TestCoiterate_C05_IdleSchedulesNothingAndStopEndsAll(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	res := coiterate.Coiterate(t.Context(), c, slices.Values([]int{1, 2}))
	r.Pump()
	if _, err := res.Wait(0); err != nil || r.Pending() != 0 || r.Pump() != 0 {
		t.Errorf("%v, %d calls pending", err, r.Pending())
	}
	asleep := coiterate.Run(t.Context(), c, func(y *coiterate.Yielder) (int, error) { return 0, y.Await(eventual.NewDeferred[int](nil)) })
	quick := coiterate.Coiterate(t.Context(), c, slices.Values([]int{1}))
	quick.OnDone(c.Stop)
	r.Pump()
	if _, err := asleep.Wait(0); !errors.Is(err, coiterate.ErrSchedulerStopped) || c.Running() {
		t.Errorf("%v, running %v", err, c.Running())
	}
	if _, err := coiterate.Coiterate(t.Context(), c, slices.Values([]int{1})).Wait(0); !errors.Is(err, coiterate.ErrSchedulerStopped) {
		t.Errorf("after Stop: %v", err)
	}
	c.Start()
	res = coiterate.Coiterate(t.Context(), c, slices.Values([]int{1}))
	r.Pump()
	if _, err := res.Wait(0); err != nil {
		t.Errorf("started again: %v", err)
	}
}

func TestCoiterate_C05_SchedulerThatHasStopped(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	c := coiterate.New(r, coiterate.Config{})
	d := eventual.NewDeferred[int](nil)
	began := make(chan struct{})
	unwound := make(chan struct{})
	res := coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (int, error) {
		defer close(unwound)
		close(began)
		return 0, y.Await(d)
	})
	<-began
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.Stop()
	<-unwound
	if _, err := res.Wait(soon); !errors.Is(err, coiterate.ErrSchedulerStopped) {
		t.Errorf("%v", err)
	}
}

func TestCoiterate_C05_SchedulerStopsFirst(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	c := coiterate.New(r, coiterate.Config{})
	began, unwound := make(chan struct{}), make(chan struct{})
	res := coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
		close(began)
		defer close(unwound)
		for yield(0) {
		}
	})
	<-began
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-unwound
	if _, err := res.Wait(soon); !errors.Is(err, coiterate.ErrSchedulerStopped) {
		t.Errorf("%v", err)
	}
}

func TestCoiterate_C05_StopFromAWhenDoneCallback(t *testing.T) {
	for _, live := range []bool{false, true} {
		r, c := onLoop(t, coiterate.Config{})
		gate, open := eventual.New[int](nil)
		unwound := make(chan int, 3)
		var others []*coiterate.Task
		for i, seq := range []iter.Seq2[eventual.Pending, error]{
			func(yield func(eventual.Pending, error) bool) { yield(eventual.NewDeferred[int](nil), nil) },
			func(yield func(eventual.Pending, error) bool) {
				for yield(nil, nil) {
				}
			},
		} {
			others = append(others, coiterate.Cooperate(context.Background(), c, func(yield func(eventual.Pending, error) bool) {
				defer func() { unwound <- i }()
				if yield(gate, nil) {
					seq(yield)
				}
			}))
		}
		first := coiterate.Cooperate(context.Background(), c, func(yield func(eventual.Pending, error) bool) { yield(gate, nil) })
		first.WhenDone().OnDone(func() {
			if live { // and its loop with it, from the loop itself
				_ = r.Stop(context.Background())
			}
			c.Stop()
		})
		open(1, nil)
		for _, task := range others {
			if _, err := task.WhenDone().Wait(soon); !errors.Is(err, coiterate.ErrSchedulerStopped) {
				t.Errorf("%v", err)
			}
			<-unwound
		}
		if c.Running() {
			t.Error("still running")
		}
	}
}

// TestCoiterate_C05_ALostLoopUnwindsOneByOne: what tasks share needs no lock while
// they end, although others wake, resume and stop them meanwhile.
func TestCoiterate_C05_ALostLoopUnwindsOneByOne(t *testing.T) {
	for range 20 {
		r := reactor.New(reactor.Config{StallThreshold: -1})
		r.Start()
		c := coiterate.New(r, coiterate.Config{Slice: time.Millisecond})
		shared := 0 // guarded by nothing but the turn; -race tells
		var tasks []*coiterate.Task
		for i := range 30 {
			tasks = append(tasks, coiterate.Cooperate(context.Background(), c, func(yield func(int, error) bool) {
				defer func() { shared++ }()
				for yield(i, nil) {
					shared++
				}
			}))
		}
		var wg sync.WaitGroup
		for _, task := range tasks {
			wg.Go(func() { _, _, _ = task.Pause(), task.Resume(), task.Stop() })
		}
		wg.Go(func() { _ = r.Stop(context.Background()) })
		wg.Wait()
		for _, task := range tasks {
			if _, err := task.WhenDone().Wait(soon); !errors.Is(err, coiterate.ErrSchedulerStopped) && !errors.Is(err, coiterate.ErrTaskStopped) {
				t.Errorf("%v", err)
			}
		}
		c.Stop()
	}
}
