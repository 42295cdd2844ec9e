package reactor_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

// TestReactor_R07_ChangedByTheOneBefore: calls that are due together may be cancelled
// and moved by each other until they run, and are listed until then.
func TestReactor_R07_ChangedByTheOneBefore(t *testing.T) {
	for _, n := range []int{2, 10, 64, 65, 200} {
		r := reactortest.New(t)
		calls := make([]*reactor.DelayedCall, n)
		var got, want []int
		for i := range calls {
			calls[i] = r.CallLater(time.Duration(i%3)*time.Microsecond, func() {
				got = append(got, i)
				if calls[i].Active() || calls[i].Cancel() || calls[i].Reset(0) {
					t.Errorf("%d can be changed while it runs", i)
				}
			})
		}
		order := slices.Concat(every(n, 0), every(n, 1), every(n, 2))
		first := calls[order[0]]
		if !first.Cancel() {
			t.Error("not cancelled")
		}
		left := n - 1
		r.CallLater(0, func() { // behind those of 0, before the others
			for k, i := range order {
				switch {
				case i%3 == 0: // ran
				case k%4 == 1:
					if !calls[i].Cancel() || calls[i].Cancel() || calls[i].Active() {
						t.Errorf("%d: not cancelled once", i)
					}
					left--
				case k%4 == 2:
					if !calls[i].Reset(time.Second) || !calls[i].Delay(time.Second) {
						t.Errorf("%d: not moved", i)
					}
				}
			}
			left -= len(every(n, 0)) - 1
			if r.Pending() != left || len(r.DelayedCalls()) != left {
				t.Errorf("%d pending, %d listed, want %d", r.Pending(), len(r.DelayedCalls()), left)
			}
		})
		var later []int
		for k, i := range order {
			switch {
			case k == 0:
			case i%3 == 0, k%4 == 0, k%4 == 3:
				want = append(want, i)
			case k%4 == 2:
				later = append(later, i)
			}
		}
		if r.Advance(time.Millisecond); !slices.Equal(got, want) {
			t.Errorf("of %d ran %v, want %v", n, got, want)
		}
		if r.Advance(time.Minute); !slices.Equal(got, append(want, later...)) {
			t.Errorf("of %d ran %v, want %v at last", n, got, later)
		}
	}
}

// every returns the numbers below n that leave rest when divided by 3.
func every(n, rest int) (is []int) {
	for i := rest; i < n; i += 3 {
		is = append(is, i)
	}
	return is
}

// TestReactor_R12_APanicLeavesWhatIsDue to be run, in order, once; so does a Goexit.
func TestReactor_R12_APanicLeavesWhatIsDue(t *testing.T) {
	r := startReactor(t, reactor.Config{Logger: quiet()})
	const n = 300
	var got, want []int
	on(t, r, func() {
		for i := range n {
			want = append(want, i)
			r.CallLater(0, func() {
				if got = append(got, i); i%7 == 3 {
					panic("in the middle")
				} else if i%31 == 5 {
					runtime.Goexit()
				}
			})
		}
	})
	done := make(chan struct{})
	r.CallLater(time.Millisecond, func() { close(done) })
	<-done
	on(t, r, func() {
		if !slices.Equal(got, want) {
			t.Errorf("ran %v", got)
		}
	})
}

// TestReactor_R07_EachRunsOrIsCancelled: many goroutines schedule, move and cancel
// while the loop takes what is due. Each call is run once or cancelled once.
func TestReactor_R07_EachRunsOrIsCancelled(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	var ran, cancelled atomic.Int64
	const workers, each = 8, 3000
	var wg, fired sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				var runs atomic.Int32
				fired.Add(1)
				c := r.CallLater(rand.N(3*time.Microsecond), func() {
					if runs.Add(1) > 1 {
						t.Error("ran twice")
					}
					ran.Add(1)
					fired.Done()
				})
				if rand.N(2) == 0 {
					c.Reset(rand.N(100 * time.Microsecond))
				}
				if rand.N(2) == 0 {
					runtime.Gosched()
				}
				if rand.N(2) == 0 && c.Cancel() {
					cancelled.Add(1)
					fired.Done()
					if c.Active() || c.Cancel() || c.Reset(0) {
						t.Error("cancelled and not gone")
					}
				}
			}
		})
	}
	wg.Wait()
	fired.Wait()
	if n := ran.Load() + cancelled.Load(); n != workers*each || ran.Load() == 0 || cancelled.Load() == 0 {
		t.Errorf("%d ran, %d were cancelled, of %d", ran.Load(), cancelled.Load(), workers*each)
	}
	if s := r.Stats(); s.Timers != 0 || len(r.DelayedCalls()) != 0 {
		t.Errorf("%d timers are left", s.Timers)
	}
}

// TestReactor_R07_ActiveWhileItIsMoved: a call that is moved again and again is still
// to come at each moment.
func TestReactor_R07_ActiveWhileItIsMoved(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	c := r.CallLater(time.Hour, func() {})
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		for range 20_000 {
			if !c.Reset(time.Hour) {
				t.Error("not moved")
			}
		}
	}()
	gone := 0
	for over := false; !over; {
		if !c.Active() {
			gone++
		}
		select {
		case <-moved:
			over = true
		default:
		}
	}
	if gone > 0 {
		t.Errorf("not active %d times while it was moved", gone)
	}
}

// TestReactor_R07_MovedToNow while the loop sleeps until much later.
func TestReactor_R07_MovedToNow(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	for name, move := range map[string]func(*reactor.DelayedCall) bool{
		"Reset": func(c *reactor.DelayedCall) bool { return c.Reset(0) },
		"Delay": func(c *reactor.DelayedCall) bool { return c.Delay(-2 * time.Hour) },
	} {
		ran := make(chan struct{})
		c := r.CallLater(time.Hour, func() { close(ran) })
		on(t, r, func() {})
		if !move(c) {
			t.Errorf("%s: not moved", name)
		}
		select {
		case <-ran:
		case <-time.After(soon):
			t.Fatalf("%s: nobody told the loop", name)
		}
	}
}

// TestReactor_R07_MovedBeforeTheBeginning: where the clock began is as early as can be.
func TestReactor_R07_MovedBeforeTheBeginning(t *testing.T) {
	r := reactortest.New(t)
	var order []string
	a := r.CallLater(time.Second, func() { order = append(order, "a") })
	b := r.CallLater(time.Second, func() { order = append(order, "b") })
	if !a.Delay(-time.Hour) || !b.Delay(-2*time.Hour) || !a.Time().Equal(b.Time()) {
		t.Error("not moved to the same time")
	}
	if r.Pump(); !slices.Equal(order, []string{"a", "b"}) {
		t.Errorf("%v", order)
	}
}
