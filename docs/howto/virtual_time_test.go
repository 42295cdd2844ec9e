package howto_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

// A reminder is repeated every hour until somebody has seen it.
type reminder struct {
	sent int
	seen bool
	loop *reactor.LoopingCall
}

func newReminder(r *reactor.Reactor) *reminder {
	m := new(reminder)
	m.loop = reactor.NewLoopingCall(r, func(*reactor.Tick) error {
		if m.sent++; m.seen {
			m.loop.Stop()
		}
		return nil
	}, reactor.LoopOptions{})
	return m
}

// Driven by hand: callbacks run on the goroutine of the test, when it says so.
func TestReminderByHand(t *testing.T) {
	r := reactortest.New(t)
	m := newReminder(r.Reactor)
	m.loop.Start(t.Context(), time.Hour, false)

	r.Advance(59 * time.Minute)
	if m.sent != 0 {
		t.Errorf("sent %d times in the first hour", m.sent)
	}
	r.Advance(24 * time.Hour)
	if m.sent != 24 {
		t.Errorf("sent %d times in a day", m.sent)
	}
	m.seen = true
	r.Advance(24 * time.Hour)
	if m.sent != 25 || r.Pending() != 0 {
		t.Errorf("sent %d times, %d to come, after it was seen", m.sent, r.Pending())
	}
}

// In a bubble: everything is real but the time, other goroutines included.
func TestReminderInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{})
		r.Start()
		m := newReminder(r)
		m.loop.Start(t.Context(), time.Hour, false)
		reading := eventual.Go(t.Context(), func(context.Context) (struct{}, error) {
			time.Sleep(3*time.Hour + time.Minute)
			return struct{}{}, r.Call(func() { m.seen = true })
		})
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if _, err := reading.Wait(0); err != nil || m.sent != 4 {
			t.Errorf("sent %d times, %v", m.sent, err)
		}
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
