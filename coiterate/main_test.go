package coiterate_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 20 * time.Second // longer than any machine needs

var errBoom = errors.New("boom")

// byHand is a Cooperator on a reactor that the test pumps.
func byHand(t *testing.T, cfg coiterate.Config) (*reactortest.Reactor, *coiterate.Cooperator) {
	r := reactortest.New(t)
	c := coiterate.New(r.Reactor, cfg)
	t.Cleanup(func() {
		c.Stop()
		r.Pump()
		if s := c.Stats(); s.Live != 0 {
			t.Errorf("%d tasks live at the end", s.Live)
		}
	})
	return r, c
}

// onLoop is a Cooperator on a reactor that runs.
func onLoop(t testing.TB, cfg coiterate.Config) (*reactor.Reactor, *coiterate.Cooperator) {
	r := reactor.New(reactor.Config{StallThreshold: -1})
	r.Start()
	c := coiterate.New(r, cfg)
	t.Cleanup(func() {
		c.Stop()
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r, c
}

// upTo is a sequence of n steps.
func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	}
}

// forever steps until it is told not to.
func forever(yield func(int) bool) {
	for yield(0) {
	}
}
