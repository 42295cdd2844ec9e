package reactor_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

type valueKey struct{}

// TestReactor_APendingResultIsSmall: what a submission that waits takes in all, with
// its function, its ctx and its place in the queue.
func TestReactor_APendingResultIsSmall(t *testing.T) {
	const n = 20_000
	r := reactor.New(reactor.Config{})
	defer r.Stop(context.Background())
	kept := make([]*eventual.Result[int], n)
	before := heapInUse()
	for i := range kept {
		kept[i] = reactor.RunInReactor(context.Background(), r, one)
	}
	each := (heapInUse() - before) / n
	if each > 128+8+17 { // the queue holds 16 bytes for each, in chunks that are all but full
		t.Errorf("%d bytes", each)
	}
	t.Logf("%d bytes", each)
	runtime.KeepAlive(kept)
}

// TestReactor_E14_AKeptResultKeepsNothingElse keeps the result of each kind of
// work, ended in each way, and waits for what the work had of its submitter's to
// be collected: what its function refers to, and its ctx.
func TestReactor_E14_AKeptResultKeepsNothingElse(t *testing.T) {
	r := startReactor(t, reactor.Config{Logger: quiet()})
	never := func(co *reactor.Co) error { return co.Sleep(time.Hour) }
	submit := map[string]func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int]{
		"RunInReactor": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			return reactor.RunInReactor(ctx, r, func(context.Context) (int, error) { return int(big[0]), nil })
		},
		"RunInReactor, a plain ctx": func(_ context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			return reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { return int(big[0]), nil })
		},
		"RunInReactor, Goexit": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			return reactor.RunInReactor(ctx, r, func(context.Context) (int, error) { defer func() { big[0]++ }(); runtime.Goexit(); return 0, nil })
		},
		"RunInReactor, a plain ctx, Goexit": func(_ context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			return reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { defer func() { big[0]++ }(); runtime.Goexit(); return 0, nil })
		},
		"RunDeferred": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			return reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] { return eventual.Succeed(int(big[0])) })
		},
		"RunDeferred, cancelled": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			began := make(chan struct{})
			res := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] {
				defer close(began)
				return eventual.NewDeferred(func(*eventual.Deferred[int]) { big[0]++ })
			})
			<-began
			res.Cancel()
			return res
		},
		"Inline": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			return reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) { return int(big[0]), co.Yield() })
		},
		"Inline, cancelled": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			began := make(chan struct{})
			res := reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) { close(began); return int(big[0]), never(co) })
			<-began
			res.Cancel()
			return res
		},
		"Inline, cancelled in the queue": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			res := reactor.Inline(ctx, r, func(*reactor.Co) (int, error) { return int(big[0]), nil })
			res.Cancel()
			return res
		},
		"Inline, Goexit": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			return reactor.Inline(ctx, r, func(*reactor.Co) (int, error) { defer func() { big[0]++ }(); runtime.Goexit(); return 0, nil })
		},
		"DeferLater": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			return reactor.DeferLater(ctx, r, 0, func(context.Context) (int, error) { return int(big[0]), nil })
		},
		"DeferLater, cancelled": func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
			res := reactor.DeferLater(ctx, r, time.Hour, func(context.Context) (int, error) { return int(big[0]), nil })
			res.Cancel()
			return res
		},
	}
	stopped := reactor.New(reactor.Config{Logger: quiet()})
	submit["stopped before it began"] = func(ctx context.Context, big *[1 << 16]byte) *eventual.Result[int] {
		res := reactor.RunDeferred(ctx, stopped, func(context.Context) *eventual.Deferred[int] { return eventual.Succeed(int(big[0])) })
		_ = stopped.Stop(ctx)
		return res
	}
	for name, f := range submit {
		t.Run(name, func(t *testing.T) {
			var collected atomic.Int32
			count := func(*atomic.Int32) { collected.Add(1) }
			res := func() *eventual.Result[int] {
				big, held := new([1 << 16]byte), new([1 << 16]byte)
				runtime.AddCleanup(big, count, &collected)
				runtime.AddCleanup(held, count, &collected)
				ctx, cancel := context.WithCancel(context.WithValue(context.Background(), valueKey{}, held))
				defer cancel()
				res := f(ctx, big)
				if _, err := res.Wait(soon); errors.Is(err, eventual.ErrTimeout) {
					t.Fatal(err)
				}
				return res
			}()
			for end := time.Now().Add(soon); collected.Load() < 2; {
				if time.Now().After(end) {
					t.Fatalf("%d of 2 collected", collected.Load())
				}
				on(t, r, func() {}) // the loop lets go of what ran last
				runtime.GC()
			}
			runtime.KeepAlive(res)
		})
	}
}

// TestReactor_E14_WhatWasDueIsNotKept: of a timer that has run the loop refers to
// nothing, be there another or not.
func TestReactor_E14_WhatWasDueIsNotKept(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	collected := make(chan struct{})
	func() {
		res := reactor.DeferLater(context.Background(), r, 0, func(context.Context) (*[1 << 16]byte, error) {
			big := new([1 << 16]byte)
			runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, collected)
			return big, nil
		})
		wait(t, res)
	}()
	collects(t, collected, func() { on(t, r, func() {}) }) // the loop lets go of what ran last
}

// TestReactor_E14_ADelayedCallThatIsOverKeepsNothing of what its function refers to.
func TestReactor_E14_ADelayedCallThatIsOverKeepsNothing(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	for name, end := range map[string]func(*reactor.DelayedCall, <-chan struct{}){
		"cancelled": func(c *reactor.DelayedCall, _ <-chan struct{}) { c.Cancel() },
		"run":       func(c *reactor.DelayedCall, ran <-chan struct{}) { c.Reset(0); <-ran },
	} {
		t.Run(name, func(t *testing.T) {
			collected := make(chan struct{})
			c := func() *reactor.DelayedCall {
				big, ran := new([1 << 16]byte), make(chan struct{})
				runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, collected)
				c := r.CallLater(time.Hour, func() { big[0]++; close(ran) })
				end(c, ran)
				return c
			}()
			collects(t, collected, func() { on(t, r, func() {}) })
			runtime.KeepAlive(c)
		})
	}
}

// TestReactor_E14_NobodyKeepsAStoppedReactor, such as the alarm of a timer that was far
// away.
func TestReactor_E14_NobodyKeepsAStoppedReactor(t *testing.T) {
	collected := make(chan struct{})
	func() {
		r := reactor.New(reactor.Config{})
		runtime.AddCleanup(r, func(c chan struct{}) { close(c) }, collected)
		r.Start()
		r.CallLater(time.Hour, func() {})
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	collects(t, collected, func() {})
}

// collects collects garbage until gone is closed.
func collects(t *testing.T, gone <-chan struct{}, between func()) {
	t.Helper()
	for end := time.Now().Add(soon); time.Now().Before(end); {
		between()
		runtime.GC()
		select {
		case <-gone:
			return
		default:
		}
	}
	t.Error("it is kept")
}
