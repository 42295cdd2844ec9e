package reactor

import (
	"sync"
	"time"
)

// timers is the heap of everything that is to happen later, with one runtime
// timer for all of it. Any goroutine may schedule, cancel and move; only the loop
// takes out what is due.
//
// An entry that was cancelled or moved stays in the heap and is passed over when
// its time comes, or swept when half of the heap is such entries: cancelling
// needs no search.
type timers struct {
	mu    sync.Mutex // guards all that follows and the fields of DelayedCall; nothing runs under it
	heap  timerHeap
	seq   uint64 // of the last scheduling; orders equal deadlines
	dead  int    // entries of the heap that stand for nothing any more
	armed time.Duration
	alarm *time.Timer // calls due; made where the loop starts, nil before and after
}

// start makes the alarm in the synctest bubble of the loop, if it is in one.
func (r *Reactor) startTimers() {
	t := &r.timers
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alarm = time.AfterFunc(time.Hour, r.timersDue)
	t.alarm.Stop()
	if r.armLocked() {
		r.attn.Or(attnTimer)
	}
}

// timersDue tells the loop that a timer is due. The alarm calls it on a goroutine of
// the runtime's. If the loop was told before and has not begun to look, it will see
// this timer too.
func (r *Reactor) timersDue() {
	if r.attn.Load()&attnTimer == 0 {
		r.attn.Or(attnTimer)
		r.nudge()
	}
}

// armLocked sets the alarm to the first deadline. due reports that it has passed
// already: the caller then tells the loop, once mu is free.
func (r *Reactor) armLocked() (due bool) {
	t := &r.timers
	if t.alarm == nil || len(t.heap) == 0 {
		return false
	}
	first := t.heap[0].when
	if t.armed != 0 && t.armed <= first {
		return false
	}
	wait := first - r.clock()
	if wait <= 0 {
		return true
	}
	t.armed = first
	t.alarm.Reset(wait)
	return false
}

// schedule puts c into the heap, to be due at when.
func (r *Reactor) schedule(c *DelayedCall, when time.Duration) {
	t := &r.timers
	t.mu.Lock()
	due := r.scheduleLocked(c, when)
	t.mu.Unlock()
	if due {
		r.timersDue()
	}
}

func (r *Reactor) scheduleLocked(c *DelayedCall, when time.Duration) (due bool) {
	t := &r.timers
	t.seq++
	c.seq, c.when = t.seq, when
	t.heap.push(timerEntry{when, t.seq, c})
	return t.heap[0].seq == t.seq && r.armLocked()
}

// dropLocked turns the entry of c into one that stands for nothing.
func (t *timers) dropLocked(c *DelayedCall) {
	c.seq = 0
	if t.dead++; t.dead > 64 && t.dead > len(t.heap)/2 {
		t.heap.keep(timerEntry.live)
		t.dead = 0
	}
}

// lagEvery is for how many timers in a row one reading of the clock does, since it
// costs as much as a short callback.
const lagEvery = 8

// runTimers runs what was due when it was called, at most timersPerTurn of it.
// What a timer schedules for now waits for the next turn, even on a clock that
// stands still.
func (r *Reactor) runTimers() {
	t := &r.timers
	r.attn.And(^attnTimer)
	now := r.clock()
	read := now
	t.mu.Lock()
	t.armed = 0
	limit := t.seq
	t.mu.Unlock()
	for n := range timersPerTurn {
		if r.attn.Load()&attnMark != 0 {
			r.attn.And(^attnMark)
		}
		when, what := r.takeDue(now, limit)
		if what == nil {
			break
		}
		if n%lagEvery == lagEvery-1 {
			read = r.clock()
		}
		r.lag.Record(read - when)
		r.loop.ran++
		r.loop.current = what
		r.runTask(what)
	}
	t.mu.Lock()
	due := r.armLocked()
	t.mu.Unlock()
	if due {
		r.attn.Or(attnTimer)
	}
}

// takeDue takes out the first entry if it was scheduled up to limit and is due at
// now.
func (r *Reactor) takeDue(now time.Duration, limit uint64) (when time.Duration, what task) {
	t := &r.timers
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.heap) > 0 {
		first := t.heap[0]
		if first.live() && (first.when > now || first.seq > limit) {
			return 0, nil
		}
		t.heap.pop()
		if first.live() {
			return first.when, first.call.takeLocked()
		}
		t.dead--
	}
	return 0, nil
}

// stopTimers drops the alarm and returns what was still to come, in order.
func (r *Reactor) stopTimers() (left []task) {
	t := &r.timers
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.alarm != nil {
		t.alarm.Stop()
		t.alarm = nil
	}
	for len(t.heap) > 0 {
		if e := t.heap.pop(); e.live() {
			left = append(left, e.call.takeLocked())
		}
	}
	t.heap, t.dead = nil, 0
	return left
}

// first returns when the first call is due.
func (t *timers) first() (when time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.heap) > 0 && !t.heap[0].live() {
		t.heap.pop()
		t.dead--
	}
	if len(t.heap) == 0 {
		return 0, false
	}
	return t.heap[0].when, true
}

// pending counts the calls still to come.
func (t *timers) pending() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.heap) - t.dead
}
