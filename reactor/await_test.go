package reactor_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// TestCoroutine_R11_AwaitOfAChainThatGoesOn: a Deferred that is done when the
// coroutine is to be woken, and is not any more when it has its turn.
func TestCoroutine_R11_AwaitOfAChainThatGoesOn(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	d := eventual.NewDeferred[int](nil)
	waiting := make(chan struct{})
	co := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		close(waiting)
		return reactor.Await(co, d)
	})
	<-waiting
	on(t, r, func() {
		_ = d.Callback(3)
		d.Pause()
	})
	on(t, r, func() {})
	on(t, r, d.Unpause)
	if v := wait(t, co); v != 3 {
		t.Errorf("%d", v)
	}
}

// TestCoroutine_R11_TheCallersCtxEndsFirst: a ctx tells those that derive from it one
// after the other, and the coroutine may be told before its own ctx is.
func TestCoroutine_R11_TheCallersCtxEndsFirst(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	stuck, settle := eventual.New[int](nil)
	defer settle(0, nil)
	for range 5 {
		ctx, cancel := context.WithCancelCause(context.Background())
		waiting := make(chan struct{})
		co := reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) {
			_ = co.Context().Done()
			close(waiting)
			return reactor.Await(co, stuck)
		})
		<-waiting
		on(t, r, func() {})
		for range 20_000 {
			_, stop := context.WithCancel(ctx)
			defer stop()
		}
		cancel(errBoom)
		if v, err := co.Wait(soon); !errors.Is(err, errBoom) {
			t.Fatalf("%d, %v", v, err)
		}
	}
}

// TestCoroutine_R12_ACancelThatGoesWrong is that of what a coroutine awaits: the
// coroutine is cancelled all the same.
func TestCoroutine_R12_ACancelThatGoesWrong(t *testing.T) {
	r := startReactor(t, reactor.Config{Logger: quiet()})
	for name, cancel := range map[string]func(){
		"Goexit": runtime.Goexit,
		"panic":  func() { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			waiting := make(chan struct{})
			co := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
				close(waiting)
				return reactor.Await(co, badCancel{cancel})
			})
			<-waiting
			on(t, r, func() {}) // it has suspended: the loop cancels what it awaits
			co.Cancel()
			if _, err := co.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
				t.Errorf("%v", err)
			}
			on(t, r, func() {})
		})
	}
}

// badCancel is never done.
type badCancel struct{ cancel func() }

func (badCancel) Peek() (o eventual.Outcome[int], ok bool) { return o, false }
func (badCancel) OnDone(func())                            {}
func (b badCancel) Cancel()                                { b.cancel() }

// TestCoroutine_E14_WhatIsAwaitedKeepsNoCoroutine that was cancelled meanwhile.
func TestCoroutine_E14_WhatIsAwaitedKeepsNoCoroutine(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	stuck, settle := eventual.New[int](nil)
	collected := make(chan struct{})
	func() {
		waiting := make(chan struct{})
		co := reactor.Inline(context.Background(), r, func(co *reactor.Co) (*[1 << 16]byte, error) {
			big := new([1 << 16]byte)
			runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, collected)
			close(waiting)
			_, _ = reactor.Await(co, stuck)
			return big, nil
		})
		<-waiting
		co.Cancel()
		_ = wait(t, co)
	}()
	for end := time.Now().Add(soon); ; {
		on(t, r, func() {}) // the loop lets go of what ran last
		runtime.GC()
		select {
		case <-collected:
			settle(0, nil) // a wake-up that nobody waits for
			on(t, r, func() {})
			return
		default:
		}
		if time.Now().After(end) {
			t.Fatal("the value of a coroutine that has ended is kept")
		}
	}
}
