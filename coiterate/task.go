package coiterate

import (
	"context"
	"errors"

	"github.com/trestle-go/trestle/eventual"
)

// Task is one computation among those of a Cooperator. Its methods may be called
// by any goroutine.
type Task struct {
	// Immutable once it is there.
	c      *shared
	cfg    TaskConfig
	result *eventual.Result[struct{}]
	settle func(struct{}, error) bool

	// Guarded by c.mu.
	queued   bool  // in line for a turn
	active   bool  // it has the turn
	asleep   bool  // until what it awaits is done
	finished bool  // how is in outcome
	pauses   int   // not taken back
	ending   error // it is to end with this; nil unless it is
	outcome  error
	naps     uint64   // sleeps begun; a wake-up from another is stale
	progress Progress // as of the last turn
	told     bool     // by Yielder.Progress, so that steps do not count
	id       int64    // of the coroutine's goroutine; 0 unless it is there

	// Owned by whoever has the scheduler's turn.
	ctx     context.Context   // dropped in its first turn
	body    func(*Task) error // the sequence; dropped when it has ended
	next    func() (handback, bool)
	stop    func()
	yield   func(handback) bool
	turns   int   // left in a row
	left    int   // steps left in these, if they are limited
	refused int   // steps refused because it is to end
	steps   int64 // taken
}

// WhenDone returns a result of its own each time: success when the sequence has
// ended, else why it did. Cancelling it ends only this result; [Task.Stop] stops
// the task.
func (t *Task) WhenDone() *eventual.Result[struct{}] {
	var settle func(struct{}, error) bool
	r, settle := eventual.New[struct{}](func() { settle(struct{}{}, eventual.ErrCanceled) })
	t.result.OnDone(func() {
		o, _ := t.result.Peek()
		settle(struct{}{}, o.Err)
	})
	return r
}

// Progress is how far a task has come: the steps it has taken, of
// TaskConfig.Total, or what Yielder.Progress was last told. Total is 0 if it is not
// known.
type Progress struct{ Done, Total int64 }

// Progress returns how far the task has come. Steps are counted when a turn ends.
func (t *Task) Progress() Progress {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	p := t.progress
	if !t.told {
		p.Total = t.cfg.Total
	}
	return p
}

// Pause keeps the task from running after the step that it is at, until each Pause
// was taken back by a Resume. It fails once the task has ended, with
// [ErrTaskDone], [ErrTaskFailed] or [ErrTaskStopped].
func (t *Task) Pause() error {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if err := t.endedLocked(); err != nil {
		return err
	}
	t.pauses++
	if t.active { // it is to notice at its next step
		t.c.over.Store(true)
	}
	return nil
}

// Resume takes one Pause back. It fails with [ErrNotPaused] if there is none, and
// as Pause does.
func (t *Task) Resume() error {
	c := t.c
	c.mu.Lock()
	err := t.endedLocked()
	if err == nil && t.pauses == 0 {
		err = ErrNotPaused
	}
	submit := false
	if err == nil {
		t.pauses--
		submit = c.enqueueLocked(t, false)
	}
	c.mu.Unlock()
	if submit {
		c.submit()
	}
	return err
}

// Stop ends the task with [ErrTaskStopped], also while it is paused or asleep: the
// deferred functions of its sequence run in the scheduler's next turn. It fails as
// Pause does.
func (t *Task) Stop() error { return t.end(ErrTaskStopped) }

func (t *Task) end(why error) error {
	c := t.c
	c.mu.Lock()
	err := t.endedLocked()
	if err == nil && t.ending != nil {
		err = ErrTaskStopped
	}
	submit := false
	if err == nil {
		t.ending = why
		if t.active { // it is to notice at its next step
			c.over.Store(true)
		}
		submit = c.enqueueLocked(t, false)
	}
	c.mu.Unlock()
	if submit {
		c.submit()
	}
	return err
}

// endedLocked returns how the task has ended, if it has.
func (t *Task) endedLocked() error {
	switch {
	case !t.finished:
		return nil
	case t.outcome == nil:
		return ErrTaskDone
	case errors.Is(t.outcome, ErrTaskStopped):
		return ErrTaskStopped
	}
	return ErrTaskFailed
}
