package coiterate_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

func TestCoiterate_C04_WeightsAreTurnsInARow(t *testing.T) {
	r, c := byHand(t, coiterate.Config{StepsPerTurn: 1})
	var order []int
	for _, w := range []int{1, 2, 3} {
		coiterate.Coiterate(t.Context(), c.With(coiterate.TaskConfig{Weight: w}), func(yield func(int) bool) {
			for range 2 * w {
				order = append(order, w)
				if !yield(0) {
					return
				}
			}
		})
	}
	r.Pump()
	if want := []int{1, 2, 2, 3, 3, 3, 1, 2, 2, 3, 3, 3}; !slices.Equal(order, want) {
		t.Errorf("%v", order)
	}
}

// interrupted is a loop that always has something else to do, so that every step
// ends a turn.
type interrupted struct{ calls []func() }

func (s *interrupted) Call(f func()) error { s.calls = append(s.calls, f); return nil }
func (s *interrupted) AfterFunc(time.Duration, func()) func() bool {
	return func() bool { return true }
}
func (s *interrupted) Busy() bool { return true }
func (s *interrupted) run(turns int) {
	for ; turns > 0 && len(s.calls) > 0; turns-- {
		f := s.calls[0]
		s.calls = s.calls[1:]
		f()
	}
}

// TestCoiterate_C04_ShareOfTheSteps: whatever the weights and the steps of a turn,
// no task has more than its share of the steps at any time, also on a loop that
// interrupts each turn.
func TestCoiterate_C04_ShareOfTheSteps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 8).Draw(rt, "weights")
		perTurn := rapid.IntRange(0, 4).Draw(rt, "steps per turn")
		s := &interrupted{}
		c := coiterate.New(s, coiterate.Config{StepsPerTurn: perTurn})
		steps := make([]int, len(weights))
		for i, w := range weights {
			coiterate.Coiterate(context.Background(), c.With(coiterate.TaskConfig{Weight: w}), func(yield func(int) bool) {
				for yield(0) {
					steps[i]++
				}
			}).OnDone(func() {})
		}
		s.run(rapid.IntRange(1, 500).Draw(rt, "turns"))
		for i := range steps {
			for j := range steps {
				wi, wj := max(weights[i], 1), max(weights[j], 1)
				round := max(perTurn, 1) // steps that weight 1 has in a round
				if steps[i]*wj > steps[j]*wi+2*round*wi*wj {
					rt.Fatalf("weights %v, steps %v", weights, steps)
				}
			}
		}
		c.Stop()
		s.run(1 << 20)
		if n := c.Stats().Live; n != 0 {
			rt.Fatalf("%d tasks live after Stop", n)
		}
	})
}

func TestCoiterate_C04_WeightsShareTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := onLoop(t, coiterate.Config{Slice: 10 * time.Millisecond})
		steps := map[int]int{}
		gate, open := eventual.New[int](nil)
		var all []*eventual.Result[int]
		end := time.Now().Add(6 * time.Second)
		for _, w := range []int{1, 2, 3} {
			all = append(all, coiterate.Run(context.Background(), c.With(coiterate.TaskConfig{Weight: w}), func(y *coiterate.Yielder) (int, error) {
				if err := y.Await(gate); err != nil {
					return 0, err
				}
				for time.Now().Before(end) {
					time.Sleep(time.Millisecond) // a step; the bubble's clock is exact
					steps[w]++
					if err := y.Yield(); err != nil {
						return 0, err
					}
				}
				return 0, nil
			}))
		}
		open(1, nil)
		if _, err := eventual.All(all...).Wait(time.Minute); err != nil {
			t.Fatal(err)
		}
		for w, n := range steps {
			if want := 1000 * w; n < want*9/10 || n > want*11/10 {
				t.Errorf("weight %d: %d steps of %v", w, n, steps)
			}
		}
	})
}

// TestCoiterate_C04_ASliceBoundsTheHold: a loop that cannot say that it is busy
// gets its turn once the slice is over.
func TestCoiterate_C04_ASliceBoundsTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := onLoop(t, coiterate.Config{})
		c := coiterate.New(neverBusy{r}, coiterate.Config{Slice: 10 * time.Millisecond})
		defer c.Stop()
		coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
			for yield(0) {
				time.Sleep(time.Millisecond)
			}
		}).OnDone(func() {})
		for range 20 {
			time.Sleep(3 * time.Millisecond)
			submitted, begun := time.Now(), make(chan time.Time, 1)
			if err := r.Call(func() { begun <- time.Now() }); err != nil {
				t.Fatal(err)
			}
			if d := (<-begun).Sub(submitted); d > 12*time.Millisecond {
				t.Errorf("a call waited %v", d)
			}
		}
	})
}

// TestCoiterate_C04_BusyOfItsOwn: what embeds a reactor may know better than that
// whether anything waits.
func TestCoiterate_C04_BusyOfItsOwn(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	defer func() { _ = r.Stop(context.Background()) }()
	own := &alwaysBusy{Reactor: r}
	c := coiterate.New(own, coiterate.Config{})
	res := coiterate.Coiterate(t.Context(), c, func(yield func(int) bool) {
		for range 10 {
			if !yield(0) {
				return
			}
		}
	})
	if _, err := res.Wait(time.Minute); err != nil || own.asked.Load() < 10 || c.Stats().Turns < 10 {
		t.Errorf("%v, asked %d times, %d turns", err, own.asked.Load(), c.Stats().Turns)
	}
}

type alwaysBusy struct {
	*reactor.Reactor
	asked atomic.Int32
}

func (b *alwaysBusy) Busy() bool { b.asked.Add(1); return true }

// neverBusy is a scheduler with timers of its own and no idea of what waits.
type neverBusy struct{ coiterate.Scheduler }

func (neverBusy) Busy() bool { return false }
func (neverBusy) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

func TestCoiterate_ProgressAgainstATotal(t *testing.T) {
	r, c := byHand(t, coiterate.Config{StepsPerTurn: 3})
	var seen []string
	var task *coiterate.Task
	task = coiterate.Cooperate(t.Context(), c.With(coiterate.TaskConfig{Total: 10}), coiterate.Each(upTo(10), func(i int) error {
		if i%3 == 0 {
			seen = append(seen, fmt.Sprint(task.Progress()))
		}
		return nil
	}))
	if p := task.Progress(); p != (coiterate.Progress{Done: 0, Total: 10}) {
		t.Errorf("before: %+v", p)
	}
	r.Pump()
	if want := []string{"{0 10}", "{3 10}", "{6 10}", "{9 10}"}; !slices.Equal(seen, want) {
		t.Errorf("%v", seen)
	}
	if p := task.Progress(); p.Done != 10 || p.Total != 10 {
		t.Errorf("after: %+v", p)
	}
}
