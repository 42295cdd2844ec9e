package reactortest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNothingHappensByItself(t *testing.T) {
	r := reactortest.New(t)
	ran := 0
	if err := r.Call(func() { ran++ }); err != nil {
		t.Fatal(err)
	}
	if ran != 0 {
		t.Fatal("ran before Pump")
	}
	if n := r.Pump(); n != 1 || ran != 1 {
		t.Errorf("Pump says %d, ran %d", n, ran)
	}
	if n := r.Pump(); n != 0 {
		t.Errorf("Pump of nothing says %d", n)
	}
}

func TestAdvanceRunsEachAtItsOwnTime(t *testing.T) {
	r := reactortest.New(t)
	begun := r.Now()
	var at []time.Duration
	note := func() { at = append(at, r.Now().Sub(begun)) }
	r.CallLater(3*time.Second, note)
	r.CallLater(time.Second, func() {
		note()
		r.CallLater(time.Second, note)
	})
	r.CallLater(time.Hour, note)
	r.CallLater(0, note)
	r.Advance(10 * time.Second)
	if want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(at, want) {
		t.Errorf("%v, want %v", at, want)
	}
	if r.Pending() != 1 {
		t.Errorf("%d pending", r.Pending())
	}
	if now := r.Now().Sub(begun); now != 10*time.Second {
		t.Errorf("the clock is at %v", now)
	}
}

func TestCoroutinesAndStop(t *testing.T) {
	r := reactortest.New(t)
	answer := eventual.NewDeferred[int](nil)
	co := reactor.Inline(t.Context(), r.Reactor, func(co *reactor.Co) (int, error) {
		if err := co.Sleep(time.Minute); err != nil {
			return 0, err
		}
		return reactor.Await(co, answer)
	})
	unwound := false
	endless := reactor.Inline(t.Context(), r.Reactor, func(co *reactor.Co) (int, error) {
		defer func() { unwound = true }()
		return 0, co.Sleep(24 * time.Hour)
	})
	r.Advance(time.Minute)
	_ = answer.Callback(5)
	r.Pump()
	if v, err := co.Wait(0); v != 5 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := endless.Wait(0); !errors.Is(err, eventual.ErrStopped) || !unwound {
		t.Errorf("%v, unwound %v", err, unwound)
	}
	if err := r.Call(func() {}); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("Call after Stop: %v", err)
	}
}

// TestStopOfTheReactorItself is what code under test does: in a callback, or on
// the test's own goroutine.
func TestStopOfTheReactorItself(t *testing.T) {
	for name, pumps := range map[string]bool{"pumped": true, "left to the end of the test": false} {
		for from, stop := range map[string]func(*reactortest.Reactor){
			"callback": func(r *reactortest.Reactor) {
				_ = r.Call(func() { _ = r.Reactor.Stop(t.Context()) })
				r.Pump()
			},
			"test": func(r *reactortest.Reactor) { _ = r.Reactor.Stop(t.Context()) },
		} {
			t.Run(name+", by the "+from, func(t *testing.T) {
				r := reactortest.New(t)
				res := reactor.Inline(t.Context(), r.Reactor, func(co *reactor.Co) (int, error) { return 0, co.Sleep(time.Hour) })
				r.Pump()
				stop(r)
				for pumps && r.Stats().State != "stopped" {
					r.Pump()
					runtime.Gosched()
				}
				if err := r.Stop(); err != nil {
					t.Error(err)
				}
				if _, err := res.Wait(0); !errors.Is(err, eventual.ErrStopped) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

func TestMisuse(t *testing.T) {
	r := reactortest.New(t)
	begun := r.Now()
	r.Advance(-time.Hour)
	if !r.Now().Equal(begun) {
		t.Errorf("time ran backwards, to %v before", begun.Sub(r.Now()))
	}
	r.Start() // it is not to be started, and is not
	if err := r.Run(t.Context()); err == nil {
		t.Error("it was run")
	}
	_ = r.Call(func() {
		_ = r.Call(func() {})
		if n := r.Pump(); n != 0 {
			t.Errorf("pumped by a callback: %d", n)
		}
	})
	if n := r.Pump(); n != 2 {
		t.Errorf("%d callbacks", n)
	}
}

func TestWaitIsRefusedInACallback(t *testing.T) {
	r := reactortest.New(t)
	pending, _ := eventual.New[int](nil)
	_ = r.Call(func() {
		if _, err := pending.Wait(time.Hour); !errors.Is(err, eventual.ErrWaitInReactor) {
			t.Errorf("%v", err)
		}
	})
	r.Pump()
	if _, err := pending.Wait(time.Millisecond); !errors.Is(err, eventual.ErrTimeout) {
		t.Errorf("the test's own goroutine: %v", err)
	}
}

func ExampleReactor_Advance() {
	t := new(testing.T) // yours
	r := reactortest.New(t)
	defer r.Stop() // the end of a real test does it
	polls := 0
	l := reactor.NewLoopingCall(r.Reactor, func(*reactor.Tick) error { polls++; return nil }, reactor.LoopOptions{})
	l.Start(context.Background(), time.Minute, true)

	r.Advance(time.Hour)
	fmt.Println(polls)
	// Output: 61
}
