package eventual

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/park"
)

// spins is how often a waiter yields the processor before it parks. The work is
// often done by then, because a component that was just woken runs next on this
// very processor; a channel and a timer would cost more than the work.
const spins = 3

// wait blocks until c is done. A nil return means that it is.
func (c *core) wait(timeout time.Duration) error {
	if c.isDone() {
		return nil
	}
	if timeout <= 0 {
		return c.timeUp()
	}
	id := park.ID()
	resume, err := park.Before(id, c.currentOwner())
	if err != nil {
		return err
	}
	if resume != nil {
		defer resume()
	}
	for range spins {
		runtime.Gosched()
		if c.isDone() {
			return nil
		}
	}
	w := borrowWaiter(id)
	if !c.add(&w.link) {
		w.giveBack(id)
		return nil
	}
	w.timer.Reset(timeout)
	select {
	case <-w.wake:
	case <-w.timer.C:
		if c.remove(&w.link) {
			err = c.timeUp()
		} else {
			<-w.wake // it is done: the wake-up is sent or about to be
		}
	}
	w.timer.Stop()
	w.giveBack(id)
	return err
}

// timeUp is the error of a wait that is up: ErrTimeout, unless it is known that
// waiting longer would not have helped.
func (c *core) timeUp() error {
	if owner := c.currentOwner(); owner != nil {
		if life := owner.Lifetime(); life != nil && life.held.Load() {
			return notStartedError{life.component}
		}
	}
	return ErrTimeout
}

func (c *core) waitContext(ctx context.Context) error {
	if c.isDone() {
		return nil
	}
	if ctx.Err() != nil {
		return waitEnded(ctx)
	}
	id := park.ID()
	resume, err := park.Before(id, c.currentOwner())
	if err != nil {
		return err
	}
	if resume != nil {
		defer resume()
	}
	for range spins {
		runtime.Gosched()
		if c.isDone() {
			return nil
		}
	}
	w := borrowWaiter(id)
	if !c.add(&w.link) {
		w.giveBack(id)
		return nil
	}
	select {
	case <-w.wake:
	case <-ctx.Done():
		if c.remove(&w.link) {
			err = waitEnded(ctx)
		} else {
			<-w.wake
		}
	}
	w.giveBack(id)
	return err
}

func waitEnded(ctx context.Context) error {
	return fmt.Errorf("eventual: waiting for a result: %w", context.Cause(ctx))
}

// waiter is what a goroutine parks on: a link with a channel, and a timer.
type waiter struct {
	link
	id    int64 // of the goroutine that made it
	timer *time.Timer
}

// waiters keeps a waiter for some of the goroutines that wait repeatedly. A
// channel and a timer belong to the testing/synctest bubble they were made in,
// so a waiter is only ever used by the goroutine that made it: goroutines do not
// change bubbles and their identities are not used again. What a goroutine that
// has ended leaves behind is one small object, until another takes the place.
var waiters [256]atomic.Pointer[waiter]

func borrowWaiter(id int64) *waiter {
	w := waiters[uint64(id)%uint64(len(waiters))].Swap(nil)
	if w == nil || w.id != id {
		w = &waiter{id: id, timer: time.NewTimer(time.Hour)}
		w.timer.Stop()
		w.wake = make(chan struct{}, 1)
	}
	return w
}

func (w *waiter) giveBack(id int64) {
	waiters[uint64(id)%uint64(len(waiters))].Store(w)
}
