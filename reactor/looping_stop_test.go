package reactor_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// TestLoopingCall_R08_StoppedBeforeItBegan ends with success and runs nothing.
func TestLoopingCall_R08_StoppedBeforeItBegan(t *testing.T) {
	for _, now := range []bool{true, false} {
		k := newTicks(t, reactor.LoopOptions{}, nil)
		res := k.l.Start(t.Context(), time.Second, now)
		k.l.Stop()
		k.Advance(time.Minute)
		if _, err := res.Wait(0); err != nil || len(k.at) != 0 || k.l.Running() {
			t.Errorf("now %v: %v, ran at %v, running %v", now, err, k.at, k.l.Running())
		}
		k.l.Start(t.Context(), time.Second, true) // may be started again
		k.Pump()
		k.want(t, []int{60}, nil)
	}
}

// TestLoopingCall_R08_StopRacesStart: whenever Stop comes, a loop that it finds ends
// with success, and one that it comes too early for goes on until the next Stop.
func TestLoopingCall_R08_StopRacesStart(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	for i := range 300 {
		l := reactor.NewLoopingCall(r, func(tick *reactor.Tick) error { return tick.Yield() }, reactor.LoopOptions{})
		var res *eventual.Result[struct{}]
		var wg sync.WaitGroup
		wg.Go(func() { res = l.Start(context.Background(), time.Duration(i%3)*time.Millisecond, i%2 == 0) })
		wg.Go(l.Stop)
		wg.Go(l.Reset)
		wg.Wait()
		l.Stop()
		wait(t, res)
		on(t, r, func() {}) // the end of its coroutine, which is told before
		if l.Running() {
			t.Fatal("running after its end")
		}
	}
	if s := r.Stats(); s.Timers != 0 || s.Coroutines != 0 || s.Panics != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

// TestLoopingCall_E11_StopOfTheReactorRacesStart has every loop end, one way or the
// other, and none be running.
func TestLoopingCall_E11_StopOfTheReactorRacesStart(t *testing.T) {
	for range 100 {
		r := reactor.New(reactor.Config{Logger: quiet()})
		r.Start()
		l := reactor.NewLoopingCall(r, func(*reactor.Tick) error { return nil }, reactor.LoopOptions{})
		var res *eventual.Result[struct{}]
		var wg sync.WaitGroup
		wg.Go(func() { res = l.Start(context.Background(), time.Millisecond, true) })
		wg.Go(func() { _ = r.Stop(context.Background()) })
		wg.Go(l.Stop)
		wg.Wait()
		if _, err := res.Wait(soon); err != nil && !errors.Is(err, eventual.ErrStopped) {
			t.Error(err)
		}
		if l.Running() {
			t.Error("running after the stop")
		}
	}
}
