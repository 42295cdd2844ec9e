package httpbridge

import (
	"context"
	"errors"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// patience is the ctx of one wait: that of a request, and at most so long. The
// timer and all that is made only when the wait asks for Done, because it has to
// park; a result that is there by then costs none of it. It belongs to the one
// goroutine that waits.
type patience struct {
	context.Context
	timeout time.Duration
	inner   context.Context // made by Done
	cancel  context.CancelFunc
}

func (p *patience) Done() <-chan struct{} {
	if p.inner == nil {
		p.inner, p.cancel = context.WithTimeoutCause(p.Context, p.timeout, eventual.ErrTimeout)
	}
	return p.inner.Done()
}

func (p *patience) Err() error {
	if p.inner != nil {
		return p.inner.Err()
	}
	return p.Context.Err()
}

func (p *patience) Value(key any) any {
	if p.inner != nil {
		return p.inner.Value(key) // where context.Cause finds the cause
	}
	return p.Context.Value(key)
}

// end gives up the timer.
func (p *patience) end() {
	if p.cancel != nil {
		p.cancel()
	}
}

// wait waits for res as long as ctx lasts and timeout allows. err says why there is
// no outcome, if there is none; it matches eventual.ErrTimeout if the time was up.
func wait[T any](ctx context.Context, res *eventual.Result[T], timeout time.Duration) (o eventual.Outcome[T], ok bool, err error) {
	if o, ok = res.Peek(); ok {
		return o, true, nil
	}
	if timeout > 0 {
		p := &patience{Context: ctx, timeout: timeout}
		defer p.end()
		_, err = res.WaitContext(p)
	}
	if err == nil || errors.Is(err, eventual.ErrTimeout) {
		_, err = res.Wait(0) // which knows more about a time that is up
	}
	if o, ok = res.Peek(); ok {
		return o, true, nil
	}
	return o, false, err
}
