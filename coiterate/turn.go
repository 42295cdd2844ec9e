package coiterate

import "slices"

// enterLocked makes t one of the live tasks. While there are any, a goroutine looks
// out for the end of a scheduler that tells of it, as a reactor does: a turn that
// was submitted may be dropped then.
func (c *shared) enterLocked(t *Task) {
	if c.live[t] = struct{}{}; c.empty != nil {
		return
	}
	c.empty = make(chan struct{})
	if s, ok := c.s.(interface{ Done() <-chan struct{} }); ok {
		go func(empty <-chan struct{}) { // ends with the last task or the scheduler
			select {
			case <-s.Done():
				c.abandon()
			case <-empty:
			}
		}(c.empty)
	}
}

func (c *shared) leaveLocked(t *Task) {
	delete(c.live, t)
	c.ended++
	if len(c.live) == 0 && c.empty != nil {
		close(c.empty)
		c.empty = nil
	}
}

// enqueueLocked puts t in line if it can run and is not there: at the end, or in
// front if it has more turns in a row. It reports whether the caller must submit a
// turn, once mu is free.
func (c *shared) enqueueLocked(t *Task, inFront bool) (submit bool) {
	if t.queued || t.active || t.finished || (t.ending == nil && (t.asleep || t.pauses > 0)) {
		return false
	}
	t.queued = true
	switch {
	case !inFront:
		c.ready = append(c.ready, t)
	case c.head > 0:
		c.head--
		c.ready[c.head] = t
	default:
		c.ready = slices.Insert(c.ready, 0, t) // seldom: take has just moved all
	}
	if c.scheduled {
		return false
	}
	c.scheduled = true
	return true
}

// submit asks the scheduler for a turn. If it has stopped, all tasks end.
func (c *shared) submit() {
	if err := c.s.Call(c.turn); err != nil {
		c.abandon()
	}
}

// turn gives tasks the loop until the slice is used up or the loop has something
// else to do, and asks for the next turn if tasks are left.
func (c *shared) turn() {
	if !c.beginTurn() {
		return
	}
	c.over.Store(false)
	if !c.armed.Swap(true) {
		c.stopSlice = c.s.AfterFunc(c.cfg.Slice, c.sliceOver)
	}
	for {
		t := c.take()
		if t == nil {
			break
		}
		t.run()
		if c.over.Load() || c.s.Busy() {
			break
		}
	}
	switch more, lost := c.endTurn(); {
	case lost:
		c.abandon()
	case more:
		c.submit()
		return
	}
	if c.stopSlice() { // an idle Cooperator leaves nothing behind
		c.armed.Store(false)
	}
}

// beginTurn reports false if the tasks are ended by a goroutine of their own.
func (c *shared) beginTurn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unwinding {
		return false
	}
	c.inTurn = true
	c.watchLocked()
	return true
}

// endTurn reports whether another turn is to be submitted.
func (c *shared) endTurn() (more, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inTurn = false
	more = c.head < len(c.ready)
	c.scheduled = more
	return more, c.lost
}

// sliceOver is called by the scheduler, in its turn or from elsewhere.
func (c *shared) sliceOver() {
	c.armed.Store(false)
	c.over.Store(true)
}

// take returns the next task in line, or nil.
func (c *shared) take() *Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return nil
	}
	if c.head == len(c.ready) {
		c.ready, c.head = c.ready[:0], 0
		return nil
	}
	t := c.ready[c.head]
	c.ready[c.head] = nil
	if c.head++; c.head > 64 && c.head > len(c.ready)/2 {
		n := copy(c.ready, c.ready[c.head:])
		clear(c.ready[n:])
		c.ready, c.head = c.ready[:n], 0
	}
	t.queued, t.active = false, true
	c.turns++
	c.watch.current = t
	return t
}

// abandon ends all tasks when the scheduler takes no more calls. Their sequences
// are unwound one after the other, as they ran: after a turn that is still going
// on, and on a goroutine of its own, since there is no loop left to do it.
func (c *shared) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halted, c.lost = true, true
	if c.inTurn { // its end comes back here
		c.over.Store(true)
		return
	}
	if !c.unwinding {
		c.unwinding = true
		go c.unwind() // ends when the last sequence has returned
	}
}

func (c *shared) unwind() {
	for {
		c.mu.Lock()
		tasks := make([]*Task, 0, len(c.live))
		for t := range c.live {
			if t.ending == nil {
				t.ending = ErrSchedulerStopped
			}
			t.queued, t.active = false, true
			tasks = append(tasks, t)
		}
		c.ready, c.head = nil, 0
		if len(tasks) == 0 {
			c.unwinding, c.scheduled = false, false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		for _, t := range tasks {
			t.run()
		}
	}
}
