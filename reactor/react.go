package reactor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/trestle-go/trestle/eventual"
)

// ExitError is an error with an exit code, for [React].
type ExitError struct {
	Code int
	Err  error // may be nil
}

// Error names the code and the error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// React runs a program's main function to its end, with a reactor of its own, and
// returns the exit code: 0, the code of an [ExitError] that the error is or
// wraps, else 1, with the error logged. It is Twisted's task.react, for
//
//	func main() { os.Exit(reactor.React(run)) }
//
// fn runs on the calling goroutine and may block. Interrupt and SIGTERM cancel
// its ctx; the second one has its usual effect. fn may stop the reactor itself.
func React(fn func(ctx context.Context, r *Reactor) error) (exitCode int) {
	r := New(Config{Name: "main"})
	if fn == nil {
		r.log().Error("reactor: React: nil function")
		return 1
	}
	ctx, unregister := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer unregister()
	context.AfterFunc(ctx, unregister)
	r.Start()
	defer func() { _ = r.Stop(context.Background()) }() // should fn end the goroutine
	err := reactMain(ctx, r, fn)
	if stopErr := r.Stop(context.Background()); err == nil {
		err = stopErr
	}
	if err == nil {
		return 0
	}
	if exit := (*ExitError)(nil); errors.As(err, &exit) {
		if exit.Err != nil {
			r.log().Error("reactor: program failed", "error", exit.Err)
		}
		return exit.Code
	}
	r.log().Error("reactor: program failed", "error", err)
	return 1
}

// reactMain calls fn. A panic is an error like any other, with its stack.
func reactMain(ctx context.Context, r *Reactor, fn func(context.Context, *Reactor) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
	}()
	return fn(ctx, r)
}
