package reactor

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// DelayedCall is a call that is to happen later. Its methods may be called by any
// goroutine. The name and the operations are Twisted's.
type DelayedCall struct {
	r     *Reactor
	task  task          // belongs to whoever turned seq to 0; nil once it ran or was cancelled
	when  time.Duration // on the reactor's clock; guarded by r.timers.mu
	seq   atomic.Uint64 // of the entry that stands for it; 0 once there is none. But for the loop's claim it is written under r.timers.mu
	taken bool          // that entry is in the loop's hand; guarded by r.timers.mu
}

// CallLater has f called on the reactor's goroutine once d has passed; 0 or less
// means in the next turn. Calls with equal deadlines run in the order in which
// they were scheduled. Before Start they wait; after Stop the call that is
// returned is not active and never runs.
func (r *Reactor) CallLater(d time.Duration, f func()) *DelayedCall {
	return r.later(d, call(f))
}

// CallAt is CallLater for a point in time. What the system's clock is set to
// afterwards does not move it.
func (r *Reactor) CallAt(t time.Time, f func()) *DelayedCall {
	return r.later(t.Sub(r.Now()), call(f))
}

func (r *Reactor) later(d time.Duration, t task) *DelayedCall {
	c := &DelayedCall{r: r, task: t}
	if f, ok := t.(call); ok && f == nil {
		r.log().Error("reactor: CallLater of a nil function", "reactor", r.cfg.Name)
		return c
	}
	if r.refuses() {
		return c
	}
	r.schedule(c, r.deadline(d))
	if r.refuses() && c.Cancel() { // Stop may have emptied the heap before it came
		t.abort(r.errStopped)
	}
	return c
}

// deadline is d from now on the reactor's clock, without overflow.
func (r *Reactor) deadline(d time.Duration) time.Duration {
	return after(r.clock(), max(d, 0))
}

// after is d after when, which is not negative, within what the clock can show.
func after(when, d time.Duration) time.Duration {
	if d > math.MaxInt64-when {
		return math.MaxInt64
	}
	return max(when+d, 0)
}

// Cancel prevents the call. It reports false if the call has run, is running or
// was cancelled before.
func (c *DelayedCall) Cancel() bool {
	t := &c.r.timers
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dropLocked(c) {
		return false
	}
	c.task = nil
	return true
}

// claim takes what is to be done out of c, unless it was cancelled or moved and the
// entry seq does not stand for it any more.
func (c *DelayedCall) claim(seq uint64) task {
	if !c.seq.CompareAndSwap(seq, 0) {
		return nil
	}
	t := c.task
	c.task = nil
	return t
}

// Reset moves the call to d from now. It reports false if there is nothing left
// to move, as Cancel does.
func (c *DelayedCall) Reset(d time.Duration) bool {
	when := c.r.deadline(d)
	return c.move(func(time.Duration) time.Duration { return when })
}

// Delay moves the call by d, which may be negative, from where it stands. It
// reports false if there is nothing left to move.
func (c *DelayedCall) Delay(d time.Duration) bool {
	return c.move(func(when time.Duration) time.Duration { return after(when, d) })
}

func (c *DelayedCall) move(to func(time.Duration) time.Duration) bool {
	t := &c.r.timers
	t.mu.Lock()
	if !t.dropLocked(c) {
		t.mu.Unlock()
		return false
	}
	when := to(c.when)
	due := c.r.scheduleLocked(c, when)
	t.mu.Unlock()
	if due {
		c.r.timersDue()
	}
	return true
}

// Active reports whether the call is still to come.
func (c *DelayedCall) Active() bool { return c.seq.Load() != 0 }

// Time returns when the call is, or was, due.
func (c *DelayedCall) Time() time.Time {
	t := &c.r.timers
	t.mu.Lock()
	defer t.mu.Unlock()
	return c.r.base.Add(c.when)
}

// DelayedCalls lists the calls still to come, the first one first.
func (r *Reactor) DelayedCalls() []*DelayedCall {
	t := &r.timers
	t.mu.Lock()
	defer t.mu.Unlock()
	entries := make([]timerEntry, 0, t.pendingLocked())
	for _, some := range [][]timerEntry{t.hand, t.line.entries(), t.heap} {
		for _, e := range some {
			if e.live() {
				entries = append(entries, e)
			}
		}
	}
	slices.SortFunc(entries, func(a, b timerEntry) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	calls := make([]*DelayedCall, len(entries))
	for i, e := range entries {
		calls[i] = e.call
	}
	return calls
}

// Now is the time on the reactor's clock: the monotonic clock of the machine.
func (r *Reactor) Now() time.Time {
	if r.hand != nil {
		return r.base.Add(r.clock())
	}
	return time.Now()
}

// AfterFunc is CallLater in the form of an [eventual.Clock].
func (r *Reactor) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return r.CallLater(d, f).Cancel
}

// clock is the time since New, monotonic; reading it is cheaper than time.Now.
func (r *Reactor) clock() time.Duration {
	if r.hand != nil {
		return time.Duration(r.hand.now.Load())
	}
	return time.Since(r.base)
}
