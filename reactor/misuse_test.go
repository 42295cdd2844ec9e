package reactor_test

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

// TestMisuse_NilsAreErrors gives nil wherever something may be nil.
func TestMisuse_NilsAreErrors(t *testing.T) {
	r := startReactor(t, reactor.Config{Logger: quiet()})
	ctx := context.Background()
	var noCtx context.Context
	failure := func(res *eventual.Result[int]) error { _, err := res.Wait(0); return err }
	start := func(r *reactor.Reactor, ctx context.Context, fn func(*reactor.Tick) error) error {
		_, err := reactor.NewLoopingCall(r, fn, reactor.LoopOptions{}).Start(ctx, time.Second, true).Wait(0)
		return err
	}
	tick := func(*reactor.Tick) error { return nil }
	for name, err := range map[string]error{
		"RunInReactor, no reactor":  failure(reactor.RunInReactor(ctx, nil, one)),
		"RunInReactor, no ctx":      failure(reactor.RunInReactor(noCtx, r, one)),
		"RunInReactor, no function": failure(reactor.RunInReactor[int](ctx, r, nil)),
		"RunDeferred, no reactor":   failure(reactor.RunDeferred(ctx, nil, func(context.Context) *eventual.Deferred[int] { return nil })),
		"RunDeferred, no function":  failure(reactor.RunDeferred[int](ctx, r, nil)),
		"DeferLater, no reactor":    failure(reactor.DeferLater(ctx, nil, 0, one)),
		"DeferLater, no function":   failure(reactor.DeferLater[int](ctx, r, 0, nil)),
		"Inline, no reactor":        failure(reactor.Inline(ctx, nil, func(*reactor.Co) (int, error) { return 1, nil })),
		"Inline, no function":       failure(reactor.Inline[int](ctx, r, nil)),
		"Deferred, no reactor":      failure(reactor.Deferred(nil, eventual.Of(1)).Result()),
		"Deferred, no result":       failure(reactor.Deferred[int](r, nil).Result()),
		"looping call, no reactor":  start(nil, ctx, tick),
		"looping call, no ctx":      start(r, noCtx, tick),
		"looping call, no function": start(r, ctx, nil),
		"Call, no function":         r.Call(nil),
		"Run, no ctx":               r.Run(noCtx),
		"Stop, no ctx":              r.Stop(noCtx),
		"SetDefault, no reactor":    reactor.SetDefault(nil),
	} {
		if err == nil || errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.AddReader(nil, func() {}); err == nil {
		t.Error("AddReader without a connection")
	}
	r.OnSignal(nil, os.Interrupt)()
	r.OnShutdown(reactor.Before, nil)()
	r.OnShutdown(reactor.Phase(9), func(context.Context) error { return nil })()
	if r.CallLater(0, nil).Active() {
		t.Error("a call of nothing is active")
	}
}

func TestReactor_R02_RunReturnsWhateverACallbackDoes(t *testing.T) {
	r := reactor.New(reactor.Config{Logger: quiet()})
	returned := make(chan error, 1)
	go func() {
		defer close(returned)
		returned <- r.Run(context.Background())
	}()
	if err := r.Call(runtime.Goexit); err != nil {
		t.Fatal(err)
	}
	on(t, r, func() {})
	if err := r.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if err, ok := <-returned; !ok || err != nil {
		t.Errorf("Run did not return: %v, %v", err, ok)
	}
	if err := r.Run(context.Background()); err == nil {
		t.Error("Run again")
	}
	r.Start() // after Stop: does nothing
	if s := r.Stats().State; s != "stopped" {
		t.Errorf("started again: %s", s)
	}
}

func TestReactor_R02_RunEndsWithItsCtx(t *testing.T) {
	r := reactor.New(reactor.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	if err := r.Call(cancel); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(ctx); err != nil || r.Stats().State != "stopped" {
		t.Errorf("%v, %s", err, r.Stats().State)
	}
}

func TestReactor_R07_FarAwayIsFarAway(t *testing.T) {
	r := reactortest.New(t)
	never := func() { t.Error("ran") }
	a, b := r.CallLater(time.Second, never), r.CallLater(math.MaxInt64, never)
	c := r.CallAt(time.Unix(1<<55, 0), never)
	a.Delay(math.MaxInt64)
	b.Reset(math.MaxInt64)
	c.Delay(time.Hour)
	r.Advance(1000 * time.Hour)
	if n := r.Pending(); n != 3 {
		t.Errorf("%d pending", n)
	}
	ran := false
	d := r.CallLater(time.Hour, func() { ran = true })
	d.Delay(math.MinInt64)
	r.Pump()
	if !ran {
		t.Error("one that is overdue did not run")
	}
	r.CallLater(-time.Hour, func() { ran = false })
	r.Pump()
	if ran {
		t.Error("a negative delay is not the next turn")
	}
}

func TestReactor_R12_GoexitOfALoopingCall(t *testing.T) {
	r := startReactor(t, reactor.Config{Logger: quiet()})
	res := reactor.NewLoopingCall(r, func(*reactor.Tick) error { runtime.Goexit(); return nil }, reactor.LoopOptions{}).
		Start(context.Background(), time.Hour, true)
	if _, err := res.Wait(soon); !errors.Is(err, eventual.ErrGoexit) {
		t.Errorf("%v", err)
	}
	on(t, r, func() {})
}

// TestReactor_R02_RunOfALockedGoroutine: the loop is not on the caller's thread, or
// coroutines, which are made and resumed on the loop's goroutine, would crash.
func TestReactor_R02_RunOfALockedGoroutine(t *testing.T) {
	r := reactor.New(reactor.Config{})
	co := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { return 1, co.Yield() })
	returned := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		returned <- r.Run(context.Background())
	}()
	wait(t, co)
	for range 3 { // threads are used again
		wait(t, reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { return 1, co.Sleep(time.Microsecond) }))
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-returned; err != nil {
		t.Error(err)
	}
}
