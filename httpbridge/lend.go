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
	resume, err = park.Before(park.ID(), nil)
	if err != nil {
		return nil, errOnReactor
	}
	if resume == nil {
		resume = func() {}
	}
	return resume, nil
}
