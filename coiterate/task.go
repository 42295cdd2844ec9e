package coiterate

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"runtime"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

// Task is one computation among those of a Cooperator. Its methods may be called
// by any goroutine.
type Task struct {
	c      *Cooperator
	ctx    context.Context
	body   func(*Task) error // the sequence; dropped when it has ended
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
	naps     uint64 // sleeps begun; a wake-up from another is stale

	// Owned by whoever has the scheduler's turn.
	next    func() (handback, bool)
	stop    func()
	yield   func(handback) bool
	left    int // steps left in this turn, if they are limited
	refused int // steps refused because it is to end

	done, total int64 // of Progress; guarded by c.mu
}

// What a task's coroutine says when it hands the turn back.
type handback int

const (
	paused   handback = iota // it waits for its next turn
	returned                 // the sequence has ended
	exited                   // the sequence called runtime.Goexit; the coroutine is ending
)

// Cooperate runs seq as a task: each step is a value and an error, of which the
// first that is not nil ends it. A value that is an [eventual.Pending] puts the
// task to sleep until that is done; how it ended is for the sequence to look at.
// When ctx ends the task does, with its cause.
func Cooperate[V any](ctx context.Context, c *Cooperator, seq iter.Seq2[V, error]) *Task {
	if ctx == nil || seq == nil {
		return c.refused(c.errorf("Cooperate: nil ctx or sequence"))
	}
	after := stepOf[V]()
	return c.add(ctx, func(t *Task) (err error) {
		seq(func(v V, stepErr error) bool {
			if stepErr != nil {
				err = stepErr
				return false
			}
			return after(t, v)
		})
		return err
	})
}

// Coiterate runs seq to its end and gives that as a result: Twisted's coiterate.
// Cancelling the result stops it.
func Coiterate[V any](ctx context.Context, c *Cooperator, seq iter.Seq[V]) *eventual.Result[struct{}] {
	if ctx == nil || seq == nil {
		return eventual.Failed[struct{}](c.errorf("Coiterate: nil ctx or sequence"))
	}
	after := stepOf[V]()
	return c.add(ctx, func(t *Task) error {
		seq(func(v V) bool { return after(t, v) })
		return nil
	}).result
}

// stepOf returns what follows a step that yields a V. Whether that can be
// something to wait for is a matter of the type, and found out once.
func stepOf[V any]() func(*Task, V) bool {
	if v := reflect.TypeFor[V](); v.Kind() != reflect.Interface && !v.Implements(reflect.TypeFor[eventual.Pending]()) {
		return func(t *Task, _ V) bool { return t.step() == nil }
	}
	return func(t *Task, v V) bool {
		if p, ok := any(v).(eventual.Pending); ok {
			return t.await(p) == nil
		}
		return t.step() == nil
	}
}

// refused returns a task that has failed.
func (c *Cooperator) refused(err error) *Task {
	t := &Task{c: c, finished: true, outcome: err}
	t.result = eventual.Failed[struct{}](err)
	return t
}

func (c *Cooperator) add(ctx context.Context, body func(*Task) error) *Task {
	t := &Task{c: c, ctx: ctx, body: body}
	t.result, t.settle = eventual.New[struct{}](func() { _ = t.end(eventual.ErrCanceled) })
	c.mu.Lock()
	if c.halted {
		c.mu.Unlock()
		return c.refused(ErrSchedulerStopped)
	}
	c.enterLocked(t)
	submit := c.enqueueLocked(t)
	c.mu.Unlock()
	if submit {
		c.submit()
	}
	if ctx.Done() != nil {
		detach := context.AfterFunc(ctx, func() { _ = t.end(context.Cause(ctx)) })
		t.result.OnDone(func() { detach() })
	}
	return t
}

// WhenDone returns the result of the task, the same each time: success when the
// sequence has ended, else why it did.
func (t *Task) WhenDone() *eventual.Result[struct{}] { return t.result }

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
		submit = c.enqueueLocked(t)
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
		submit = c.enqueueLocked(t)
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

// refuseWaits is the hook of a task's coroutine: it has the loop's turn.
type refuseWaits struct{}

func (refuseWaits) BeforePark(any) (func(), error) { return nil, eventual.ErrWaitInReactor }

// begin makes the coroutine. Its goroutine ends when the sequence has, which stop
// and Stop bring about.
func (t *Task) begin() {
	t.next, t.stop = iter.Pull(func(yield func(handback) bool) {
		t.yield = yield
		id := park.Enter(refuseWaits{})
		defer park.Leave(id)
		finished := false
		defer func() {
			if !finished {
				// Goexit would go on in whoever called next, and end the loop's
				// goroutine. Say so instead, and let somebody else end this one.
				yield(exited)
			}
		}()
		t.conclude(t.contained())
		finished = true
		yield(returned)
	})
}

// contained runs the sequence; a panic is its error.
func (t *Task) contained() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
	}()
	return t.body(t)
}

// run gives the task its turn.
func (t *Task) run() {
	c := t.c
	c.mu.Lock()
	ending := t.ending
	c.mu.Unlock()
	if t.next == nil {
		if ending != nil { // it never began
			t.conclude(nil)
			t.release()
			return
		}
		t.begin()
	}
	t.left = c.cfg.StepsPerTurn
	switch s, _ := t.next(); s {
	case paused:
		c.mu.Lock()
		t.active = false
		submit := c.enqueueLocked(t)
		c.mu.Unlock()
		if submit { // not within a turn: a loop that has stopped unwinds it
			c.submit()
		}
	case returned:
		t.stop()
		t.release()
	case exited:
		t.conclude(eventual.ErrGoexit)
		go t.stop() // ends with the coroutine's goroutine, at once; the Goexit goes on here
		t.release()
	}
}

// conclude notes how the sequence ended: a task that was to end does so with that
// reason, whatever the sequence made of it.
func (t *Task) conclude(err error) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.ending != nil {
		err = t.ending
	}
	t.finished, t.outcome = true, err
}

// release takes a task that has ended out of the Cooperator, and tells.
func (t *Task) release() {
	c := t.c
	c.mu.Lock()
	c.leaveLocked(t)
	t.active = false
	err := t.outcome
	c.mu.Unlock()
	t.body, t.next, t.stop, t.yield = nil, nil, nil, nil
	t.settle(struct{}{}, err)
}

// patience is how often a sequence that is to end may go on regardless before it
// is ended by a Goexit: it would hold the loop for ever.
const patience = 100

// step is what a yield costs. It returns at once while the slice lasts.
func (t *Task) step() error {
	if t.left > 0 {
		if t.left--; t.left == 0 {
			return t.handBack()
		}
	}
	if t.c.over.Load() || t.c.s.Busy() {
		return t.handBack()
	}
	return nil
}

// handBack ends the task's turn and returns in its next. The error says that the
// task is to end.
func (t *Task) handBack() error {
	if err := t.interrupted(); err != nil {
		return err
	}
	t.yield(paused)
	return t.interrupted()
}

func (t *Task) interrupted() error {
	t.c.mu.Lock()
	err := t.ending
	t.c.mu.Unlock()
	if err != nil {
		if t.refused++; t.refused == patience {
			runtime.Goexit()
		}
	}
	return err
}

// await puts the task to sleep until p is done.
func (t *Task) await(p eventual.Pending) error {
	if err := t.interrupted(); err != nil {
		return err
	}
	c := t.c
	c.mu.Lock()
	t.naps++
	nap := t.naps
	t.asleep = true
	c.mu.Unlock()
	p.OnDone(func() { t.wake(nap) })
	t.yield(paused)
	return t.interrupted()
}

// wake ends the sleep nap. It may be called by any goroutine.
func (t *Task) wake(nap uint64) {
	c := t.c
	c.mu.Lock()
	submit := false
	if t.asleep && t.naps == nap {
		t.asleep = false
		submit = c.enqueueLocked(t)
	}
	c.mu.Unlock()
	if submit {
		c.submit()
	}
}
