package eventual

import (
	"log/slog"
	"runtime"
	"sync/atomic"

	"github.com/trestle-go/trestle/internal/funcname"
)

// UnhandledError is what the hook of [OnUnhandled] is given: a failure that
// nobody looked at, with where the work came from.
type UnhandledError struct {
	Err       error
	Component string // that ran the work; may be empty
	Submitted string // the submitted function and where it is written; may be empty
}

// Error names the failure and where the work came from.
func (e *UnhandledError) Error() string {
	s := "eventual: unhandled failure"
	if e.Component != "" {
		s += " in " + e.Component
	}
	if e.Submitted != "" {
		s += ", submitted as " + e.Submitted
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns the failure.
func (e *UnhandledError) Unwrap() error { return e.Err }

// OnUnhandled has f called with every failure that nobody looked at, as an
// [*UnhandledError], until restore is called. The newest hook is the one called;
// without one, such failures are logged through slog's default logger.
//
// A failed Result is reported once, when it has become garbage, on a goroutine
// of its own, which ends when f returns. Looking at it means that Wait,
// WaitContext or Peek returned it or that a combinator consumed it. A result
// that its holder cancelled is not reported. The failure of a Deferred is looked
// at by an errback.
func OnUnhandled(f func(error)) (restore func()) { return onUnhandled.set(f) }

var onUnhandled hooks[error]

// failure is why a result failed, and whether anybody looked. It does not refer
// to its result, which could never become garbage then.
type failure struct {
	err       error
	seen      atomic.Bool
	component string
	submitted uintptr
}

// failLocked writes the failure of c, to be reported if c becomes garbage before
// anybody looks.
func (c *core) failLocked(err error) {
	c.failure = &failure{err: err}
	if c.state.Load()&canceled != 0 || c.watchedLocked() {
		c.failure.seen.Store(true)
		return
	}
	if c.owner != nil {
		c.failure.submitted = c.owner.Func()
		if life := c.owner.Lifetime(); life != nil {
			c.failure.component = life.component
		}
	}
	runtime.AddCleanup(c, (*failure).collected, c.failure)
}

// watchedLocked reports whether somebody is parked on the result: they will see
// its failure, for a result that is there wins over a time that is up.
func (c *core) watchedLocked() bool {
	for l := c.links; l != nil; l = l.next {
		if l.wake != nil {
			return true
		}
	}
	return false
}

// Abandon says that nobody will look at the result any more: if it fails, or has
// failed, without anybody having looked, that is reported at once and not when
// the result is garbage. It is for those who keep results for others.
func (r *Result[T]) Abandon() { r.onDone(r.reportFailure) }

func (c *core) reportFailure() {
	if c.failure != nil {
		c.failure.report()
	}
}

// collected is called by the runtime when what failed has become garbage, on the
// goroutine of all cleanups: a hook must neither hold it up nor end it.
func (f *failure) collected() {
	if !f.seen.Load() {
		go f.report() // ends when the hook returns
	}
}

func (f *failure) report() {
	if f.seen.Swap(true) {
		return
	}
	reportUnhandled(&UnhandledError{Err: f.err, Component: f.component, Submitted: funcname.Describe(f.submitted)})
}

func reportUnhandled(e *UnhandledError) {
	if hook := onUnhandled.current(); hook != nil {
		contain(func() { hook(e) })
		return
	}
	slog.Error("eventual: unhandled failure", "error", e.Err, "component", e.Component, "submitted", e.Submitted)
}
