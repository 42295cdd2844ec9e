package eventual_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// component runs work by hand.
type component struct {
	eventual.Promise[int]
	life *eventual.Lifetime
}

func (c *component) Lifetime() *eventual.Lifetime { return c.life }
func (c *component) Func() uintptr                { return 0 }

func TestResult_WaitForAComponentThatIsNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &component{life: eventual.NewLifetime("reactor rates")}
		c.life.Hold()
		c.Init(context.Background(), c)
		res := c.Result()
		for _, timeout := range []time.Duration{0, time.Second} {
			_, err := res.Wait(timeout)
			if !errors.Is(err, eventual.ErrNotStarted) || !errors.Is(err, eventual.ErrTimeout) || err.Error() != "eventual: no result in time: reactor rates is not started" {
				t.Errorf("%v: %v", timeout, err)
			}
			var timed interface{ Timeout() bool }
			if !errors.As(err, &timed) || !timed.Timeout() {
				t.Errorf("%v is no timeout", err)
			}
		}
		c.life.Begin()
		if _, err := res.Wait(time.Second); errors.Is(err, eventual.ErrNotStarted) || !errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("started: %v", err)
		}
		c.Run(func(context.Context) (int, error) { return 1, nil })
		if v, err := res.Wait(0); v != 1 || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	})
}

func TestResult_Abandon(t *testing.T) {
	reports := watchReports(t)
	pending, settle := eventual.New[int](nil)
	pending.Abandon()
	settle(0, errors.New("abandoned while pending"))
	failed := eventual.Failed[int](errors.New("abandoned once it had failed"))
	failed.Abandon()
	failed.Abandon() // once is enough
	seen := eventual.Failed[int](errors.New("abandoned once it was seen"))
	_, _ = seen.Wait(0)
	seen.Abandon()
	eventual.Of(1).Abandon()

	for text, want := range map[string]int{"abandoned while pending": 1, "abandoned once it had failed": 1, "abandoned once it was seen": 0} {
		if n := reports.count(text); n != want {
			t.Errorf("%s: reported %d times, want %d", text, n, want)
		}
	}
}

// dropping is a component that lets go of its function once nobody can begin it.
type dropping struct {
	eventual.Promise[int]
	room eventual.Room
	fn   func()
}

func (d *dropping) Lifetime() *eventual.Lifetime { return nil }

func (d *dropping) Func() uintptr {
	if d.fn == nil {
		return 0
	}
	return 1
}

// TestEventual_E09_WorkThatCannotBeginHasEnded has work refused and begun at the same
// time. Whoever is told that it cannot begin, or has cancelled it, finds its result
// ended, and its record touched by nobody else any more.
func TestEventual_E09_WorkThatCannotBeginHasEnded(t *testing.T) {
	defer eventual.OnUnhandled(func(error) {})()
	begins := map[string]func(d *dropping) bool{
		"Begin":   func(d *dropping) bool { _, ok := d.Begin(); return ok },
		"BeginIn": func(d *dropping) bool { _, ok := d.BeginIn(&d.room); return ok },
		"Refuse":  func(d *dropping) bool { d.Refuse(errBoom); return false },
		"Cancel":  func(d *dropping) bool { d.Result().Cancel(); return false },
	}
	for name, begin := range begins {
		t.Run(name, func(t *testing.T) {
			for range 5_000 {
				d := &dropping{fn: func() {}}
				d.InitIn(&d.room, nil, nil, d)
				var both sync.WaitGroup
				both.Go(func() { d.Refuse(errBoom) })
				if !begin(d) {
					if !d.Settled() {
						t.Fatal("it has not ended")
					}
					d.fn = nil
				}
				both.Wait()
				d.Settle(1, nil)
			}
		})
	}
}
