package coiterate_test

import (
	"context"
	"errors"
	"slices"
	"testing"

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
