package reactor

import (
	"context"
	"errors"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

// Co is a coroutine's hold on the reactor it runs on. See [Inline].
type Co struct {
	r         *Reactor
	parent    context.Context // that Inline was given
	ctx       context.Context
	thread    *thread
	index     int // among the live ones
	awaiting  eventual.Pending
	wakeup    *wakeup // of the suspension before, to be used again; may be nil
	suspended bool
	refused   int         // suspensions refused because it is to end
	unwatch   func() bool // from parent
}

// Awaitable is a [eventual.Result] or [eventual.Deferred] of T.
type Awaitable[T any] interface {
	eventual.Pending
	Peek() (eventual.Outcome[T], bool)
}

// Await gives the reactor back until x is done, and returns its outcome. If x is
// done already, the coroutine keeps its turn.
//
// When the coroutine is cancelled, x is; if that does not end x at once, Await
// returns the cause without waiting for it. Await may be called only by the
// coroutine that co was given to.
func Await[T any](co *Co, x Awaitable[T]) (T, error) {
	for err := error(nil); ; err = co.await(x) { // again, if a chain that was done goes on
		if o, ok := x.Peek(); ok {
			return o.Value, o.Err
		}
		if err != nil {
			var zero T
			return zero, err
		}
	}
}

var errElsewhere = errors.New("reactor: Co used outside of its coroutine")

func (co *Co) await(x eventual.Pending) error {
	if err := co.ready(); err != nil {
		if !errors.Is(err, errElsewhere) {
			x.Cancel()
		}
		return err
	}
	w := co.arm()
	x.OnDone(w.fire)
	co.awaiting = x
	err := co.suspend(w)
	co.awaiting = nil
	return err
}

// Sleep gives the reactor back for d. It returns early with the cause when the
// coroutine is cancelled or the reactor stops.
func (co *Co) Sleep(d time.Duration) error {
	_, err := co.sleep(d)
	return err
}

// sleep also says if it was the time that ended it.
func (co *Co) sleep(d time.Duration) (slept bool, err error) {
	if err := co.ready(); err != nil {
		return false, err
	}
	w := co.arm()
	c := co.r.later(d, w)
	err = co.suspend(w)
	return !c.Cancel(), err
}

// Yield gives the reactor back until everything that waits now has had its turn.
// It returns the cause when the coroutine is cancelled or the reactor stops.
func (co *Co) Yield() error {
	if err := co.ready(); err != nil {
		return err
	}
	w := co.arm()
	co.r.post(w)
	return co.suspend(w)
}

// Context is the coroutine's: done when the result is cancelled, when the ctx
// given to Inline is and when the reactor stops.
func (co *Co) Context() context.Context { return co.ctx }

// ready reports why the coroutine may not suspend.
func (co *Co) ready() error {
	if co.thread == nil || park.ID() != co.thread.id {
		return errElsewhere
	}
	if err := co.interrupted(); err != nil {
		return co.refuse(err)
	}
	return nil
}

// interrupted returns why the coroutine is to end, if it is. The caller's ctx may
// have told watch of its end, and not yet the coroutine's own.
func (co *Co) interrupted() error {
	if co.r.loop.stopping {
		return co.r.errStopped
	}
	if co.ctx.Err() != nil {
		return context.Cause(co.ctx)
	}
	if co.parent.Err() != nil {
		return context.Cause(co.parent)
	}
	return nil
}

// watch has the end of the caller's ctx interrupt the coroutine. It is set up by
// the first suspension and taken back when the coroutine ends.
func (co *Co) watch() {
	if co.unwatch == nil && co.parent.Done() != nil {
		co.unwatch = context.AfterFunc(co.parent, func() { co.r.post(interruption{co}) })
	}
}

// wakeup goes on with a coroutine that waits for it. One that has done so is used
// for the next suspension; one that was not waited for to the end is stale, may
// still come, and is not used again.
type wakeup struct {
	fire func() // hands it to the loop; made once, for OnDone
	co   *Co    // that is suspended and waits for it, else nil; belongs to whoever has the loop's turn
}

// arm returns the wake-up of the suspension that is about to begin.
func (co *Co) arm() *wakeup {
	w := co.wakeup
	if w == nil {
		w = new(wakeup)
		r := co.r
		w.fire = func() { r.post(w) }
		co.wakeup = w
	}
	w.co = co
	return w
}

func (w *wakeup) run() {
	if co := w.co; co != nil {
		w.co = nil
		co.r.resume(co)
	}
}

func (*wakeup) abort(error) {} // teardown unwinds the coroutine itself

// Func is the coroutine's function, for traces and reports.
func (w *wakeup) Func() uintptr {
	if w.co == nil {
		return 0
	}
	return w.co.thread.task.Func()
}

// interruption goes on with a coroutine that was cancelled, if it waits.
type interruption struct{ co *Co }

func (i interruption) run() {
	co := i.co
	if !co.suspended {
		return
	}
	defer co.r.resume(co) // also when a canceller ends this goroutine
	if co.awaiting != nil {
		co.awaiting.Cancel() // runs the canceller of a Deferred, here on the loop
	}
}

func (interruption) abort(error) {}
