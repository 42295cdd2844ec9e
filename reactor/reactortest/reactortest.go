// Package reactortest has a reactor that a test drives by hand, on virtual time:
// nothing happens until the test says so, and an hour passes in no time.
//
//	func TestPoller(t *testing.T) {
//		r := reactortest.New(t)
//		polls := 0
//		l := reactor.NewLoopingCall(r.Reactor, func(*reactor.Tick) error { polls++; return nil }, reactor.LoopOptions{})
//		l.Start(t.Context(), time.Minute, true)
//		r.Advance(time.Hour)
//		if polls != 61 {
//			t.Errorf("%d polls in an hour", polls)
//		}
//	}
//
// Callbacks run on the goroutine of the test, inside Pump and Advance, so t.Fatal
// works in them. For tests in which other goroutines take part, an ordinary
// reactor inside testing/synctest is the better choice.
package reactortest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/trestle-go/trestle/internal/byhand"
	"github.com/trestle-go/trestle/reactor"
)

// Reactor is a reactor whose turns the test takes. It is not to be started. The
// end of the test stops it.
type Reactor struct {
	*reactor.Reactor
	driver byhand.Driver
}

// New returns a Reactor for tb. What it logs goes to tb.
func New(tb testing.TB) *Reactor {
	log := slog.New(slog.NewTextHandler(tb.Output(), nil))
	made, driver := byhand.New("test", log)
	r := &Reactor{made.(*reactor.Reactor), driver}
	tb.Cleanup(func() {
		if err := r.Stop(); err != nil {
			tb.Errorf("reactortest: Stop: %v", err)
		}
	})
	return r
}

// Pump runs everything that is ready, and what that makes ready, without letting
// time pass. It returns how many callbacks and timers ran.
func (r *Reactor) Pump() int { return r.driver.Pump() }

// Advance lets d pass: each delayed call due until then runs at its own time, with
// everything that it makes ready.
func (r *Reactor) Advance(d time.Duration) {
	d = max(d, 0)
	r.driver.Pump()
	for {
		next, ok := r.driver.Next()
		if !ok || next > d {
			break
		}
		r.driver.Move(next)
		r.driver.Pump()
		d -= next
	}
	r.driver.Move(d)
	r.driver.Pump()
}

// Pending returns how many delayed calls are still to come.
func (r *Reactor) Pending() int { return r.Stats().Timers }

// Stop shuts the reactor down, as the end of the test does. The Stop of the
// reactor itself, which the code under test may call, only begins it.
func (r *Reactor) Stop() error { return r.driver.Stop() }
