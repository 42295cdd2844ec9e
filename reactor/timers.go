package reactor

import (
	"sync"
	"time"
)

// timers is everything that is to happen later, in a heap or, if it is due soon and
// came in order, in line; with one runtime timer for all of it. Any goroutine may
// schedule, cancel and move; only the loop takes out what is due, a hand at a time.
//
// An entry that was cancelled or moved stays where it is and is passed over when
// its time comes, or swept when half of the entries are such: cancelling needs no
// search. What the loop has in hand may still be cancelled and moved: it claims each
// call by its seq when it comes to it.
type timers struct {
	mu    sync.Mutex // guards all that follows and what DelayedCall says; nothing runs under it
	heap  timerHeap
	line  timerLine
	seq   uint64        // of the last scheduling; orders equal deadlines
	dead  int           // entries of heap and line that stand for nothing any more
	now   time.Duration // when the loop last looked
	armed time.Duration
	alarm *time.Timer  // calls due; made where the loop starts, nil before and after
	hand  []timerEntry // taken out by the loop, which alone writes it; those that still stand for their calls have not run

	next int // of hand; owned by whoever has the loop's turn
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
	if t.alarm == nil || t.lenLocked() == 0 {
		return false
	}
	first := t.firstLocked().when
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
	c.when, c.taken = when, false
	c.seq.Store(t.seq)
	e := timerEntry{when, t.seq, c}
	if when > t.now+soon || !t.line.push(e) {
		t.heap.push(e)
	}
	return t.firstLocked().seq == t.seq && r.armLocked()
}

// dropLocked turns the entry of c into one that stands for nothing. It reports false if
// there is none, or the loop has claimed it.
func (t *timers) dropLocked(c *DelayedCall) bool {
	seq := c.seq.Load()
	if seq == 0 || !c.seq.CompareAndSwap(seq, 0) {
		return false
	}
	if c.taken {
		return true
	}
	if t.dead++; t.dead > 64 && t.dead > t.lenLocked()/2 {
		t.heap.keep(timerEntry.live)
		t.line.keep(timerEntry.live)
		t.dead = 0
	}
	return true
}

func (t *timers) lenLocked() int { return len(t.heap) + t.line.len() }

// inLineLocked reports whether the first of all entries, of which there is one, is in
// line and not in the heap.
func (t *timers) inLineLocked() bool {
	return t.line.len() > 0 && (len(t.heap) == 0 || t.line.all[t.line.head].before(t.heap[0]))
}

// firstLocked returns the first of all entries, of which there is one.
func (t *timers) firstLocked() *timerEntry {
	if t.inLineLocked() {
		return &t.line.all[t.line.head]
	}
	return &t.heap[0]
}

func (t *timers) popLocked() timerEntry {
	if t.inLineLocked() {
		return t.line.pop()
	}
	return t.heap.pop()
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
	read := r.clock()
	t.takeDue(read)
	for n := 1; t.next < len(t.hand); n++ {
		e := &t.hand[t.next]
		t.next++
		if r.attn.Load()&attnMark != 0 {
			r.attn.And(^attnMark)
		}
		what := e.call.claim(e.seq)
		if what == nil {
			continue
		}
		if n%lagEvery == 0 {
			read = r.clock()
		}
		r.lag.Record(read - e.when)
		r.loop.ran++
		r.loop.current = what
		r.runTask(what)
	}
	t.mu.Lock()
	clear(t.hand)
	t.hand = t.hand[:0]
	due := r.armLocked()
	t.mu.Unlock()
	if due {
		r.attn.Or(attnTimer)
	}
}

// takeDue takes what is due at now in hand, unless a panic has left something there.
func (t *timers) takeDue(now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed, t.now = 0, now
	if t.next < len(t.hand) {
		return
	}
	t.hand, t.next = t.hand[:0], 0
	for len(t.hand) < timersPerTurn && t.lenLocked() > 0 {
		first := t.firstLocked()
		if first.when > now {
			return
		}
		if first.live() {
			first.call.taken = true
			t.hand = append(t.hand, *first)
		} else {
			t.dead--
		}
		t.popLocked()
	}
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
	add := func(e timerEntry) {
		if what := e.call.claim(e.seq); what != nil {
			left = append(left, what)
		}
	}
	for _, e := range t.hand {
		add(e)
	}
	for t.lenLocked() > 0 {
		add(t.popLocked())
	}
	t.heap, t.line, t.dead, t.hand, t.next = nil, timerLine{}, 0, nil, 0
	return left
}

// first returns when the first call is due.
func (t *timers) first() (when time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.hand {
		if e.live() {
			return e.when, true
		}
	}
	for t.lenLocked() > 0 && !t.firstLocked().live() {
		t.popLocked()
		t.dead--
	}
	if t.lenLocked() == 0 {
		return 0, false
	}
	return t.firstLocked().when, true
}

// pending counts the calls still to come.
func (t *timers) pending() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pendingLocked()
}

func (t *timers) pendingLocked() int {
	n := t.lenLocked() - t.dead
	for _, e := range t.hand {
		if e.live() {
			n++
		}
	}
	return n
}
