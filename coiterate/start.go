package coiterate

import (
	"context"
	"fmt"
	"iter"
	"reflect"

	"github.com/trestle-go/trestle/eventual"
)

// Coiterate runs seq to its end and gives that as a result: Twisted's coiterate.
// Cancelling the result stops it.
func Coiterate[V any](ctx context.Context, c *Cooperator, seq iter.Seq[V]) *eventual.Result[struct{}] {
	if err := c.check("Coiterate", "ctx or sequence", ctx == nil || seq == nil); err != nil {
		return eventual.Failed[struct{}](err)
	}
	after := stepOf[V]()
	return c.add(ctx, func(t *Task) error {
		seq(func(v V) bool { return after(t, v) })
		return nil
	}).result
}

// Cooperate runs seq as a task: each step is a value and an error, of which the
// first that is not nil ends it. A value that is an [eventual.Pending] puts the
// task to sleep until that is done; how it ended is for the sequence to look at.
// When ctx ends the task does, with its cause.
func Cooperate[V any](ctx context.Context, c *Cooperator, seq iter.Seq2[V, error]) *Task {
	if err := c.check("Cooperate", "ctx or sequence", ctx == nil || seq == nil); err != nil {
		return c.refused(err)
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

// Run runs fn as a task, for computations that are no sequence. Cancelling the
// result stops it: the next Yield returns why.
func Run[T any](ctx context.Context, c *Cooperator, fn func(y *Yielder) (T, error)) *eventual.Result[T] {
	if err := c.check("Run", "ctx or function", ctx == nil || fn == nil); err != nil {
		return eventual.Failed[T](err)
	}
	var value T
	t := c.add(ctx, func(t *Task) (err error) {
		value, err = fn(&Yielder{t})
		return err
	})
	return eventual.Map(t.result, func(struct{}) T { return value })
}

// Each is the sequence, for [Cooperate], whose steps call fn with each value of
// seq. The first error of fn ends it.
func Each[V any](seq iter.Seq[V], fn func(V) error) iter.Seq2[V, error] {
	if seq == nil || fn == nil {
		return nil // Cooperate says so
	}
	return func(yield func(V, error) bool) {
		for v := range seq {
			if !yield(v, fn(v)) {
				return
			}
		}
	}
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

// check says what op cannot do without: what, if some of that is missing, or c's own.
func (c *Cooperator) check(op, what string, missing bool) error {
	switch {
	case c == nil:
		return fmt.Errorf("coiterate: %s: nil Cooperator", op)
	case missing:
		return c.errorf("%s: nil %s", op, what)
	case c.s == nil:
		return c.errorf("%s: New was given a nil Scheduler", op)
	}
	return nil
}

// refused returns a task that has failed.
func (c *Cooperator) refused(err error) *Task {
	if c == nil {
		c = New(nil, Config{})
	}
	t := &Task{c: c.shared, cfg: c.task, finished: true, outcome: err}
	t.result = eventual.Failed[struct{}](err)
	return t
}

func (c *Cooperator) add(ctx context.Context, body func(*Task) error) *Task {
	t := &Task{c: c.shared, cfg: c.task, ctx: ctx, body: body}
	t.cfg.Weight = max(t.cfg.Weight, 1)
	t.result, t.settle = eventual.New[struct{}](func() { _ = t.end(eventual.ErrCanceled) })
	c.mu.Lock()
	if c.halted {
		c.mu.Unlock()
		return c.refused(ErrSchedulerStopped)
	}
	c.enterLocked(t)
	submit := c.enqueueLocked(t, false)
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
