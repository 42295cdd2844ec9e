package reactor_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

// TestReactor_R03_StopByThoseWhoAreToldOfIt has the end of work that waited for a
// reactor which never ran stop that reactor, or end the goroutine that tells it.
func TestReactor_R03_StopByThoseWhoAreToldOfIt(t *testing.T) {
	for name, told := range map[string]func(*reactor.Reactor){
		"Stop":   func(r *reactor.Reactor) { _ = r.Stop(context.Background()) },
		"Goexit": func(*reactor.Reactor) { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			r := reactor.New(reactor.Config{Logger: quiet()})
			res := reactor.RunInReactor(context.Background(), r, one)
			res.OnDone(func() { told(r) })
			later := reactor.DeferLater(context.Background(), r, time.Hour, one)
			after := false
			r.OnShutdown(reactor.After, func(context.Context) error { after = true; return nil })
			ctx, cancel := context.WithTimeout(context.Background(), soon)
			defer cancel()
			if err := r.Stop(ctx); err != nil || !after {
				t.Fatalf("%v; trigger ran: %v", err, after)
			}
			for _, res := range []*eventual.Result[int]{res, later} {
				if _, err := res.Wait(0); !errors.Is(err, eventual.ErrStopped) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// TestReactor_R03_StopFromWithinAnotherReactor that a trigger, or a callback, drives
// by hand.
func TestReactor_R03_StopFromWithinAnotherReactor(t *testing.T) {
	inner := reactortest.New(t)
	for _, where := range []string{"callback", "trigger"} {
		t.Run(where, func(t *testing.T) {
			r := startReactor(t, reactor.Config{})
			ctx, cancel := context.WithTimeout(context.Background(), soon)
			defer cancel()
			stop := func() {
				if err := inner.Call(func() { _ = r.Stop(ctx) }); err != nil {
					t.Error(err)
				}
				inner.Pump()
			}
			if where == "callback" {
				on(t, r, stop)
			} else {
				r.OnShutdown(reactor.Before, func(context.Context) error { stop(); return nil })
			}
			if err := r.Stop(ctx); err != nil {
				t.Error(err)
			}
			if ctx.Err() != nil {
				t.Error("Stop has waited for itself")
			}
		})
	}
}
