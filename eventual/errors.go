package eventual

import (
	"context"
	"errors"
)

var (
	// ErrTimeout says that a wait was up before the result was there. The work
	// goes on and a later Wait gets its result. It has a Timeout method that
	// returns true and does not match context.DeadlineExceeded: work that failed
	// on its own deadline is another thing.
	ErrTimeout error = timeoutError{}

	// ErrCanceled is the outcome of work that was cancelled before it gave one.
	// It matches context.Canceled too.
	ErrCanceled error = canceledError{}

	// ErrStopped says that whoever should have produced the result has stopped.
	ErrStopped = errors.New("eventual: stopped before there was a result")

	// ErrNotStarted says that a wait was up, and that whoever is to produce the
	// result was not started: it is still in the queue. It matches [ErrTimeout].
	ErrNotStarted error = notStartedError{}

	// ErrQueueFull says that a component with a bounded queue did not take more
	// work. The error of each such component matches it.
	ErrQueueFull = errors.New("eventual: queue is full")

	// ErrWaitInReactor refuses a wait for a pending result on the goroutine of a
	// reactor or of a coroutine on one: the wait would hold up what it waits for.
	ErrWaitInReactor = errors.New("eventual: cannot wait for a pending result on a reactor's goroutine; use OnDone, a Deferred or Await")

	// ErrAlreadyCalled says that a Deferred was fired twice.
	ErrAlreadyCalled = errors.New("eventual: deferred already called")

	// ErrUnknownID says that a Stash has no result under an id: it was never
	// given out, was used already, or belongs to somebody else.
	ErrUnknownID = errors.New("eventual: unknown id")

	// ErrGoexit is the outcome of work that ended its goroutine with
	// runtime.Goexit, as testing.T's FailNow does, instead of returning.
	ErrGoexit = errors.New("eventual: work called runtime.Goexit")
)

type timeoutError struct{}

func (timeoutError) Error() string   { return "eventual: no result in time" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

type notStartedError struct{ component string }

func (e notStartedError) Error() string {
	if e.component == "" {
		return "eventual: no result in time: not started"
	}
	return "eventual: no result in time: " + e.component + " is not started"
}
func (notStartedError) Is(target error) bool { return target == ErrNotStarted || target == ErrTimeout }
func (notStartedError) Timeout() bool        { return true }

type canceledError struct{}

func (canceledError) Error() string        { return "eventual: canceled" }
func (canceledError) Is(target error) bool { return target == context.Canceled }
