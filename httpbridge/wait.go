package httpbridge

import (
	"context"
	"errors"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// shortly is how long a wait does not look whether the client is still there. Most
// results come within it, and waiting for those costs neither a context nor a timer.
const shortly = time.Millisecond

// wait waits for res as long as ctx lasts and timeout allows. err says why there is
// no outcome, if there is none; it matches eventual.ErrTimeout if the time was up.
func wait[T any](ctx context.Context, res *eventual.Result[T], timeout time.Duration) (o eventual.Outcome[T], ok bool, err error) {
	if ctx.Err() == nil {
		_, err = res.Wait(min(timeout, shortly))
	}
	if o, ok = res.Peek(); ok {
		return o, true, nil
	}
	if timeout > shortly && (err == nil || errors.Is(err, eventual.ErrTimeout)) {
		ctx, cancel := context.WithTimeoutCause(ctx, timeout-shortly, eventual.ErrTimeout)
		defer cancel()
		_, err = res.WaitContext(ctx)
		if errors.Is(err, eventual.ErrTimeout) {
			_, err = res.Wait(0) // which knows more about a time that is up
		}
		if o, ok = res.Peek(); ok {
			return o, true, nil
		}
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	return o, false, err
}
