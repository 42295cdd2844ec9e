package coiterate

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

var (
	// ErrTaskDone says that a task cannot be changed because it has ended well.
	ErrTaskDone = errors.New("coiterate: task is done")
	// ErrTaskFailed says that a task cannot be changed because it has failed.
	ErrTaskFailed = errors.New("coiterate: task has failed")
	// ErrTaskStopped is how a task ends that was stopped, and says that a task
	// cannot be changed because it was.
	ErrTaskStopped = errors.New("coiterate: task was stopped")
	// ErrNotPaused says that a task was resumed more often than paused.
	ErrNotPaused = errors.New("coiterate: task is not paused")
	// ErrSchedulerStopped is how tasks end whose Cooperator or loop has stopped.
	ErrSchedulerStopped = errors.New("coiterate: scheduler has stopped")
)

// Cooperator shares a loop's time among tasks, in turn. Its methods may be called
// by any goroutine. Make one with [New], and stop it before its scheduler.
type Cooperator struct {
	s    Scheduler
	cfg  Config
	over atomic.Bool // the slice is used up

	mu        sync.Mutex // guards what follows; nothing blocks and no task runs under it
	halted    bool       // Stop was called and Start not since
	ready     []*Task    // that want a turn, from head on
	head      int
	live      map[*Task]struct{}
	empty     chan struct{} // closed when live has become empty; nil while it is
	scheduled bool          // a turn is submitted or running
	turns     uint64
	ended     uint64

	armed     atomic.Bool // the timer that ends the slice is set
	stopSlice func() bool // stops it; owned by whoever has the scheduler's turn
}

// New returns a Cooperator that runs tasks on s.
func New(s Scheduler, cfg Config) *Cooperator {
	return &Cooperator{s: s, cfg: cfg.withDefaults(), live: make(map[*Task]struct{})}
}

// Start lets a Cooperator that was stopped take tasks again.
func (c *Cooperator) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halted = false
}

// Stop ends every task with [ErrSchedulerStopped]; their deferred functions run in
// the scheduler's next turn. New tasks are refused until Start.
func (c *Cooperator) Stop() {
	c.mu.Lock()
	c.halted = true
	tasks := make([]*Task, 0, len(c.live))
	for t := range c.live {
		tasks = append(tasks, t)
	}
	c.mu.Unlock()
	for _, t := range tasks {
		_ = t.end(ErrSchedulerStopped) // it may have ended just now
	}
}

// Running reports whether the Cooperator takes tasks.
func (c *Cooperator) Running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.halted
}

// Stats says how a Cooperator is doing.
type Stats struct {
	Name  string
	Live  int    // tasks that have not ended, of which
	Ready int    // wait for their turn; the others sleep or are paused, one may run
	Ended uint64 // tasks that have ended
	Turns uint64 // turns that tasks were given
}

// Stats returns a snapshot.
func (c *Cooperator) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{Name: c.cfg.Name, Live: len(c.live), Ready: len(c.ready) - c.head, Ended: c.ended, Turns: c.turns}
}

// enterLocked makes t one of the live tasks. While there are any, a goroutine looks
// out for the end of a scheduler that tells of it, as a reactor does: a turn that
// was submitted may be dropped then.
func (c *Cooperator) enterLocked(t *Task) {
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

func (c *Cooperator) leaveLocked(t *Task) {
	delete(c.live, t)
	c.ended++
	if len(c.live) == 0 && c.empty != nil {
		close(c.empty)
		c.empty = nil
	}
}

// enqueueLocked puts t in line if it can run and is not there. It reports whether
// the caller must submit a turn, once mu is free.
func (c *Cooperator) enqueueLocked(t *Task) (submit bool) {
	if t.queued || t.active || t.finished || (t.ending == nil && (t.asleep || t.pauses > 0)) {
		return false
	}
	t.queued = true
	c.ready = append(c.ready, t)
	if c.scheduled {
		return false
	}
	c.scheduled = true
	return true
}

// submit asks the scheduler for a turn. If it has stopped, all tasks end.
func (c *Cooperator) submit() {
	if err := c.s.Call(c.turn); err != nil {
		c.abandon()
	}
}

// turn gives tasks the loop until the slice is used up or the loop has something
// else to do, and asks for the next turn if tasks are left.
func (c *Cooperator) turn() {
	c.over.Store(false)
	if !c.armed.Swap(true) {
		c.stopSlice = c.s.AfterFunc(c.cfg.Slice, c.sliceOver)
	}
	for {
		t := c.take()
		if t == nil {
			if c.stopSlice() { // an idle Cooperator leaves nothing behind
				c.armed.Store(false)
			}
			return
		}
		t.run()
		if c.over.Load() || c.s.Busy() {
			break
		}
	}
	c.submit()
}

// sliceOver is called by the scheduler, in its turn or from elsewhere.
func (c *Cooperator) sliceOver() {
	c.armed.Store(false)
	c.over.Store(true)
}

// take returns the next task in line; if there is none, no turn is submitted any
// more.
func (c *Cooperator) take() *Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head == len(c.ready) {
		c.ready, c.head, c.scheduled = c.ready[:0], 0, false
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
	return t
}

// abandon ends all tasks when the scheduler takes no more calls. Their sequences
// are unwound on a goroutine of its own, since there is no loop left to do it.
func (c *Cooperator) abandon() {
	c.mu.Lock()
	c.halted, c.scheduled = true, false
	tasks := make([]*Task, 0, len(c.live))
	for t := range c.live {
		if !t.active {
			t.ending, t.active = ErrSchedulerStopped, true
			tasks = append(tasks, t)
		}
	}
	c.ready, c.head = nil, 0
	c.mu.Unlock()
	go func() { // ends when the last sequence has returned
		for _, t := range tasks {
			t.run()
		}
	}()
}

func (c *Cooperator) errorf(format string, args ...any) error {
	return fmt.Errorf("coiterate "+c.cfg.Name+": "+format, args...)
}
