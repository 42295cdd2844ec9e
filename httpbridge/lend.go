package httpbridge

import (
	"context"
	"errors"
	"net/http"

	"github.com/trestle-go/trestle/internal/park"
)

var errOnReactor = errors.New("a stream cannot be served on a reactor's goroutine")

// leavePool has a pool's worker that runs a handler lend its slot for as long as
// the stream lasts: streams do not use up what is there for requests. The ctx is
// the request's, without the deadline that a request of [Middleware] has.
func leavePool(r *http.Request) (ctx context.Context, resume func(), err error) {
	ctx = r.Context()
	if j := pooledOf(ctx); j != nil {
		j.lend() // until its handler returns
		return j.base, func() {}, nil
	}
	resume, err = lendSlot()
	return ctx, resume, err
}

// lendSlot has the pool's worker that this goroutine may be lend its slot until
// resume is called, on the same goroutine. On a reactor's goroutine it fails.
func lendSlot() (resume func(), err error) {
	id := park.ID()
	hook := park.Current(id)
	if hook == nil {
		return func() {}, nil
	}
	regain, err := hook.BeforePark(nil)
	if err != nil {
		return nil, errOnReactor
	}
	if regain == nil {
		return func() {}, nil
	}
	park.Enter(lentSlot{})
	return func() {
		park.Enter(hook)
		regain()
	}, nil
}

// lentSlot is the hook of a worker that has lent its slot: what it waits for
// meanwhile is no reason to lend it again.
type lentSlot struct{}

// BeforePark allows the wait.
func (lentSlot) BeforePark(any) (resume func(), err error) { return nil, nil }
