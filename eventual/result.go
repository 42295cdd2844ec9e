package eventual

import (
	"context"
	"time"
)

// Result is a value that will exist: what blocking code holds of work that runs
// somewhere else. It ends exactly once, with a value or an error, and may be
// asked by any number of goroutines, any number of times; all get the same
// answer. The idea is crochet's EventualResult.
//
// A Result is made by [New], [Of], [Failed], [Go] and by every package that runs
// work. Its zero value is of no use.
type Result[T any] struct {
	core
	value T // written once, before state becomes done
}

// Outcome is how a Result ended.
type Outcome[T any] struct {
	Value T
	Err   error
}

// Pending is any [Result] or [Deferred], whatever the type of its value.
type Pending interface {
	OnDone(func())
	Cancel()
}

// New returns a pending Result and the function that settles it. Only the first
// call of settle counts and returns true. Cancel of the pending Result calls
// cancel, on the goroutine that cancels, each time; cancel may be nil, and what
// it leads to is for the caller to settle.
func New[T any](cancel func()) (r *Result[T], settle func(T, error) bool) {
	r = new(Result[T])
	r.state.Store(running)
	if cancel != nil {
		r.owner = cancelFunc(cancel)
	}
	return r, r.settle
}

// Of returns a Result that is done, with the value v.
func Of[T any](v T) *Result[T] {
	r := &Result[T]{value: v}
	r.state.Store(succeeded)
	return r
}

// Failed returns a Result that is done, with the error err. Like any failure it
// is reported if nobody looks at it.
func Failed[T any](err error) *Result[T] {
	r := new(Result[T])
	var zero T
	r.settle(zero, err)
	return r
}

// settle ends the result unless it has ended; it reports whether it did.
func (r *Result[T]) settle(v T, err error) bool {
	r.mu.Lock()
	if r.isDone() {
		r.mu.Unlock()
		return false
	}
	r.value = v
	after := r.finishLocked(err)
	r.mu.Unlock()
	after.run()
	return true
}

// Wait blocks until the result is done, but no longer than timeout, and returns
// the outcome. A timeout of 0 or less asks without blocking. When the time is up
// it returns [ErrTimeout], and nothing is lost: the work goes on and a later
// Wait gets its outcome. A result that is there wins over a time that is up.
//
// On the goroutine of a reactor, Wait for a pending result returns
// [ErrWaitInReactor] at once.
func (r *Result[T]) Wait(timeout time.Duration) (T, error) {
	if r.state.Load() == succeeded {
		return r.value, nil
	}
	return r.waitSlow(timeout)
}

func (r *Result[T]) waitSlow(timeout time.Duration) (T, error) {
	if err := r.wait(timeout); err != nil {
		var zero T
		return zero, err
	}
	return r.look()
}

// WaitContext blocks until the result is done or ctx is, in which case the error
// wraps context.Cause(ctx). Otherwise it is like Wait. With a ctx that never
// ends the wait has no bound.
func (r *Result[T]) WaitContext(ctx context.Context) (T, error) {
	if err := r.waitContext(ctx); err != nil {
		var zero T
		return zero, err
	}
	return r.look()
}

// Done returns a channel that is closed when the result is done, for use in a
// select statement. It is allocated by the first call on a pending result.
// Asking for it is not looking at the outcome: see [OnUnhandled].
func (r *Result[T]) Done() <-chan struct{} { return r.doneChan() }

// Peek returns the outcome if there is one.
func (r *Result[T]) Peek() (Outcome[T], bool) {
	if !r.isDone() {
		return Outcome[T]{}, false
	}
	v, err := r.look()
	return Outcome[T]{v, err}, true
}

// Cancel asks the work to stop. Work that was not started never starts and the
// result ends with [ErrCanceled] at once. Work that is running has its ctx
// cancelled, and the result ends when the work does, with what it returns.
// Cancel does not wait, may be called by anybody, and does nothing once the
// result is done.
func (r *Result[T]) Cancel() { r.cancel() }

// OnDone has f called once when the result is done, on the goroutine that
// completes it, or at once on the calling goroutine if it is done already.
// Functions given to a pending result are called in the order given; f must not
// block, because that goroutine may be a reactor's or a pool's.
func (r *Result[T]) OnDone(f func()) { r.onDone(f) }

// look returns the outcome of a result that is done, and takes note that
// somebody has seen it.
func (r *Result[T]) look() (T, error) {
	if r.failure != nil {
		r.failure.seen.Store(true)
		return r.value, r.failure.err
	}
	return r.value, nil
}
