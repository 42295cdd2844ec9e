package coiterate

import (
	"context"

	"github.com/trestle-go/trestle/eventual"
)

// Yielder is what a function that runs as a task calls now and then.
type Yielder struct{ t *Task }

// Run runs fn as a task, for computations that are no sequence. Cancelling the
// result stops it: the next Yield returns why.
func Run[T any](ctx context.Context, c *Cooperator, fn func(y *Yielder) (T, error)) *eventual.Result[T] {
	if ctx == nil || fn == nil {
		return eventual.Failed[T](c.errorf("Run: nil ctx or function"))
	}
	var value T
	t := c.add(ctx, func(t *Task) (err error) {
		value, err = fn(&Yielder{t})
		return err
	})
	return eventual.Map(t.result, func(struct{}) T { return value })
}

// Yield is where the task may be made to wait for its next turn. It costs a few
// nanoseconds while the slice lasts. The error says that the task is to end; fn
// should return it.
func (y *Yielder) Yield() error { return y.t.step() }

// Await puts the task to sleep until p is done. It returns the reason if the task
// is to end.
func (y *Yielder) Await(p eventual.Pending) error { return y.t.await(p) }

// Progress says how far the task has come; total may be 0 if it is not known.
func (y *Yielder) Progress(done, total int64) {
	y.t.c.mu.Lock()
	defer y.t.c.mu.Unlock()
	y.t.done, y.t.total = done, total
}

// Progress is how far a task has come, by its own account.
type Progress struct{ Done, Total int64 }

// Progress returns what the task last said.
func (t *Task) Progress() Progress {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return Progress{t.done, t.total}
}
