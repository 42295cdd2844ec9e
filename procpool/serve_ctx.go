package procpool

import (
	"context"
	"sync"
	"time"
)

// jobContext is the ctx of a job in the worker, and by which the job is found. What it
// takes to be cancelled is made when somebody asks for it: most short jobs never do, and
// it is more than all else that they need.
type jobContext struct {
	// Immutable from the job's beginning on.
	run      *run
	deadline time.Time // zero: none

	mu     sync.Mutex              // guards what follows; held for a look or a change
	real   context.Context         // made by asked; nil until then
	cancel context.CancelCauseFunc // of real, and stops its timer
	over   bool
	late   bool  // its deadline had passed then
	cause  error // of over
}

// asked returns the ctx of the standard library that c is from now on.
func (c *jobContext) asked() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real != nil {
		return c.real
	}
	parent, stop := context.Background(), func() {}
	if !c.deadline.IsZero() && (!c.over || c.late) {
		parent, stop = context.WithDeadline(parent, c.deadline)
	}
	ctx, cancel := context.WithCancelCause(parent)
	c.real, c.cancel = ctx, func(cause error) { cancel(cause); stop() }
	if c.over {
		c.cancel(c.cause)
	}
	return c.real
}

// end cancels c; a later call does nothing. It runs nothing of the user's on this
// goroutine: what context.AfterFunc was given has its own.
func (c *jobContext) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over, c.cause = true, cause
	c.late = !c.deadline.IsZero() && !time.Now().Before(c.deadline)
	if c.cancel != nil {
		c.cancel(cause)
	}
}

func (c *jobContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }
func (c *jobContext) Done() <-chan struct{}       { return c.asked().Done() }
func (c *jobContext) Err() error                  { return c.asked().Err() }

// String spares who prints it a look at what others write.
func (c *jobContext) String() string { return "procpool.jobContext" }

func (c *jobContext) Value(key any) any {
	if key == (runKey{}) {
		return c.run
	}
	return c.asked().Value(key) // also of keys by which contexts know each other
}

type runKey struct{}
