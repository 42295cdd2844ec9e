package eventual

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/park"
)

// spins is how often a waiter yields the processor before it parks. The work is
// often done by then, because a component that was just woken runs next on this
// very processor; a channel and a timer would cost more than the work.
const spins = 3

// yield lets others have the processor for some turns, unless these take long now, and
// reports whether c is done.
func (c *core) yield() bool {
	chance := park.DrawAny()
	for n := 0; n < spins && chance.Yield(); n++ {
		if c.isDone() {
			return true
		}
	}
	return false
}

// wait blocks until c is done. A nil return means that it is.
func (c *core) wait(timeout time.Duration) error {
	if c.isDone() {
		return nil
	}
	if timeout <= 0 {
		return c.timeUp()
	}
	id := park.ID()
	resume, err := c.beforePark(id)
	if err != nil {
		return err
	}
	if resume != nil {
		defer resume()
	}
	if timeout = c.assist(timeout); c.isDone() || !c.assists && c.yield() {
		return nil
	}
	w := borrowWaiter(id)
	if c.add(&w.link) {
		err = w.await(c, timeout)
	}
	w.giveBack()
	return err
}

// await parks until c is done or the time is up. A wake-up comes from each of the
// two that happens, so that none is left in the channel when it returns.
func (w *waiter) await(c *core, timeout time.Duration) error {
	if w.timer == nil {
		w.timer = time.AfterFunc(timeout, w.expire)
	} else {
		w.timer.Reset(timeout)
	}
	<-w.wake
	if !c.isDone() && c.remove(&w.link) {
		return c.timeUp()
	}
	if !w.timer.Stop() {
		<-w.wake // both have happened; the second is sent or about to be
	}
	return nil
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
	if ctx == nil {
		return errWaitNil
	}
	if ctx.Err() != nil {
		return waitEnded(ctx)
	}
	id := park.ID()
	resume, err := c.beforePark(id)
	if err != nil {
		return err
	}
	if resume != nil {
		defer resume()
	}
	if c.assist(math.MaxInt64); c.isDone() || !c.assists && c.yield() {
		return nil
	}
	w := borrowWaiter(id)
	if c.add(&w.link) {
		select {
		case <-w.wake:
		case <-ctx.Done():
			if c.remove(&w.link) {
				err = waitEnded(ctx)
			} else {
				<-w.wake // it is done: the wake-up is sent or about to be
			}
		}
	}
	w.giveBack()
	return err
}

var errWaitNil = errors.New("eventual: WaitContext: nil ctx")

// beforePark asks the goroutine's hook for leave to wait for c. Most goroutines
// have none, and then nothing of c is looked at.
func (c *core) beforePark(id int64) (resume func(), err error) {
	hook := park.Current(id)
	if hook == nil {
		return nil, nil
	}
	return hook.BeforePark(c.currentOwner())
}

func waitEnded(ctx context.Context) error {
	return fmt.Errorf("eventual: waiting for a result: %w", context.Cause(ctx))
}

// waiter is what a goroutine parks on: a link with a channel, and a timer.
//
// A channel and a timer belong to the testing/synctest bubble they were made in,
// so they are only ever used by the goroutine that made them: goroutines do not
// change bubbles and their identities are not used again. What remains without
// them, which is half of what a first wait would allocate, belongs to nobody.
type waiter struct {
	link          // its channel has room for a wake-up of the result and one of the timer
	id     int64  // of the goroutine that made the channel and the timer
	expire func() // the timer's
	timer  *time.Timer
}

// waiters keeps a waiter for some of the goroutines that wait repeatedly. What a
// goroutine that has ended leaves behind is one small object, until another takes
// the place.
var waiters [256]atomic.Pointer[waiter]

// bareWaiters are those without a channel and a timer.
var bareWaiters = sync.Pool{New: func() any {
	w := new(waiter)
	w.expire = func() { w.wake <- struct{}{} }
	return w
}}

func placeOf(id int64) *atomic.Pointer[waiter] { return &waiters[uint64(id)%uint64(len(waiters))] }

// borrowWaiter returns a waiter for the calling goroutine, which is id.
func borrowWaiter(id int64) *waiter {
	w := placeOf(id).Swap(nil)
	if w == nil {
		w = bareWaiters.Get().(*waiter)
	}
	if w.id != id {
		w.id, w.wake, w.timer = id, make(chan struct{}, 2), nil
	}
	return w
}

// giveBack keeps w for the next wait of its goroutine. Nothing is on its way to it.
func (w *waiter) giveBack() {
	if other := placeOf(w.id).Swap(w); other != nil {
		other.id, other.wake, other.timer = 0, nil, nil
		bareWaiters.Put(other)
	}
}
