package reactor_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

// TestReactor_R01_FIFOFromTheLoopItself: what a callback or a coroutine submits, in
// whatever form, runs in that order too, and after what submits it.
func TestReactor_R01_FIFOFromTheLoopItself(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	ctx := context.Background()
	var order []int
	note := func(n int) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { order = append(order, n); return n, nil }
	}
	submit := func(from int) *eventual.Result[int] {
		_ = r.Call(func() { order = append(order, from+1) })
		reactor.RunInReactor(ctx, r, note(from+2))
		reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) { return note(from + 3)(co.Context()) })
		reactor.RunDeferred(ctx, r, func(ctx context.Context) *eventual.Deferred[int] {
			return eventual.Maybe(func() (int, error) { return note(from + 4)(ctx) })
		})
		last := reactor.RunInReactor(ctx, r, note(from+5))
		order = append(order, from)
		return last
	}
	var last *eventual.Result[int]
	on(t, r, func() { last = submit(0) })
	wait(t, last)
	wait(t, reactor.Inline(ctx, r, func(*reactor.Co) (int, error) { last = submit(10); return 1, nil }))
	wait(t, last)
	if want := []int{0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15}; !slices.Equal(order, want) {
		t.Errorf("%v", order)
	}
}

func TestReactor_R06_DefaultIsMadeOnce(t *testing.T) {
	defer reactor.ForgetDefault()
	got := make(chan *reactor.Reactor, 50)
	var wg sync.WaitGroup
	for range cap(got) {
		wg.Go(func() { got <- reactor.Default() })
	}
	wg.Wait()
	r := <-got
	defer r.Stop(context.Background())
	for len(got) > 0 {
		if other := <-got; other != r {
			t.Fatal("two of them")
		}
	}
	on(t, r, func() {}) // started
	mine := reactor.New(reactor.Config{})
	if err := reactor.SetDefault(mine); err == nil || reactor.Default() != r {
		t.Errorf("SetDefault after Default: %v", err)
	}
}

// TestReactor_R07_MovedInsideACall by what is due at the same time and before.
func TestReactor_R07_MovedInsideACall(t *testing.T) {
	r := reactortest.New(t)
	var order []string
	note := func(s string) func() { return func() { order = append(order, s) } }
	var a, b, c *reactor.DelayedCall
	r.CallLater(time.Second, func() {
		if !a.Delay(2*time.Second) || !b.Delay(-time.Hour) || !c.Cancel() {
			t.Error("what is due at the same time cannot be moved")
		}
		order = append(order, "mover")
	})
	a = r.CallLater(time.Second, note("later"))
	b = r.CallLater(time.Hour, note("ahead"))
	c = r.CallLater(time.Second, note("cancelled"))
	r.CallLater(2*time.Second, note("between"))
	r.Advance(time.Minute)
	if want := []string{"mover", "ahead", "between", "later"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
	var self *reactor.DelayedCall
	self = r.CallLater(time.Second, func() {
		if self.Active() || self.Cancel() || self.Reset(0) || self.Delay(0) {
			t.Error("a call that runs can be changed")
		}
	})
	r.Advance(time.Second)
}

func TestReactor_R09_DeferLaterGivesTheError(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	_, err := reactor.DeferLater(context.Background(), r, 0, func(context.Context) (int, error) { return 0, errBoom }).Wait(soon)
	if err != errBoom { //nolint:errorlint // the very error
		t.Errorf("%v", err)
	}
	var p *eventual.PanicError
	_, err = reactor.DeferLater(context.Background(), r, 0, explode).Wait(soon)
	if !errors.As(err, &p) || !strings.Contains(string(p.Stack), "explode") {
		t.Errorf("%v", err)
	}
}
