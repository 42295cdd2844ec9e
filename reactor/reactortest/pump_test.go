package reactortest_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

// TestReactor_R16_PumpedWhileOthersSubmit: what comes from another goroutine at the
// moment at which a Pump finds nothing more to do is for the next one.
func TestReactor_R16_PumpedWhileOthersSubmit(t *testing.T) {
	const callers, each = 4, 10_000
	r := reactortest.New(t)
	ran := 0
	var submitted atomic.Int32
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range each {
				if i%4 == 0 {
					runtime.Gosched() // the pump often finds nothing
				}
				if err := r.Call(func() { ran++ }); err != nil {
					t.Error(err)
				}
				submitted.Add(1)
			}
		})
	}
	for submitted.Load() < callers*each {
		for range 10 {
			r.Pump()
		}
		runtime.Gosched()
	}
	wg.Wait()
	if r.Pump(); ran != callers*each {
		t.Errorf("%d of %d calls ran", ran, callers*each)
	}
}

// TestReactor_R07_PumpRunsAllThatIsDue, however much that is, and what it makes due.
func TestReactor_R07_PumpRunsAllThatIsDue(t *testing.T) {
	r := reactortest.New(t)
	ran := 0
	for range 1000 {
		r.CallLater(0, func() {
			ran++
			r.CallLater(0, func() { ran++ })
		})
	}
	if n := r.Pump(); n != 2000 || ran != 2000 {
		t.Errorf("Pump says %d, %d ran", n, ran)
	}
}

// TestAfterStop: a reactor that has stopped may be pumped and refuses, whoever
// stopped it, and may be stopped again.
func TestAfterStop(t *testing.T) {
	for name, stop := range map[string]func(r *reactortest.Reactor) error{
		"by the test": func(r *reactortest.Reactor) error { return r.Stop() },
		"by a callback": func(r *reactortest.Reactor) (err error) {
			_ = r.Call(func() { err = r.Stop() })
			r.Pump()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := reactortest.New(t)
			ctx := context.Background()
			unwound := false
			pending := reactor.Inline(ctx, r.Reactor, func(co *reactor.Co) (int, error) {
				defer func() { unwound = true }()
				return 0, co.Sleep(time.Hour)
			})
			r.CallLater(time.Minute, func() { t.Error("a delayed call ran") })
			r.OnShutdown(reactor.After, func(context.Context) error {
				if !unwound {
					t.Error("phase After has begun and a coroutine is there")
				}
				return nil
			})
			r.Pump()
			if err := stop(r); err != nil {
				t.Error(err)
			}
			if err := r.Stop(); err != nil {
				t.Errorf("again: %v", err)
			}
			if _, err := pending.Wait(0); !isStopped(err) || !unwound {
				t.Errorf("%v, unwound %v", err, unwound)
			}
			now := r.Now()
			r.Advance(time.Hour)
			if n := r.Pump(); n != 0 || r.Pending() != 0 || r.Now().Sub(now) != time.Hour {
				t.Errorf("%d ran, %d pending, %v passed", n, r.Pending(), r.Now().Sub(now))
			}
			if err := r.Call(func() { t.Error("a call ran") }); !isStopped(err) {
				t.Errorf("Call: %v", err)
			}
			if r.CallLater(0, func() { t.Error("a delayed call ran") }).Active() {
				t.Error("CallLater is active")
			}
			_, err := reactor.RunInReactor(ctx, r.Reactor, func(context.Context) (int, error) { return 1, nil }).Wait(0)
			if !isStopped(err) {
				t.Errorf("RunInReactor: %v", err)
			}
			r.Pump()
			if s := r.Stats(); s.State != "stopped" {
				t.Errorf("%+v", s)
			}
		})
	}
}

func isStopped(err error) bool { return errors.Is(err, eventual.ErrStopped) }
