package httpbridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// HandlerConfig says how [Handler] serves. Its zero value waits 5 s and sends
// JSON.
type HandlerConfig struct {
	// Timeout is how long a request waits at most. The deadline of its ctx and the
	// client's Prefer: wait only make that less. Zero: 5 s.
	Timeout time.Duration
	// Detached has the work go on when nobody waits any more: the ctx that fn finds
	// in its request outlives the request, and a result that came too late is not
	// cancelled. It is also right for results that others wait for too.
	Detached bool

	// Encoders are what values can be sent as. The client's Accept header chooses;
	// where it has no preference, the first. Zero: JSON.
	Encoders []Encoder
	// Errors turn errors into problems; the first that is about an error decides,
	// and after all of them [ProblemFor].
	Errors []ErrorRule
	// ServeProblem sends a problem. It must not be slow. Zero: Problem.ServeHTTP.
	ServeProblem func(w http.ResponseWriter, r *http.Request, p *Problem)

	// Limit bounds how much one client has going. Zero: no bound.
	Limit *ClientLimit
	// Resources keep results for clients that prefer not to wait, which is RFC 7240's
	// Prefer: respond-async. Zero: that preference is ignored.
	Resources *Resources
	// Async serves each request as if its client preferred not to wait. It needs
	// Resources.
	Async bool
	// ReadAhead is how many bytes of a request body that fn did not read are read
	// into memory while the request waits. Only when an HTTP/1 body was read to its
	// end can it be noticed that the client has left: a longer one hides that until
	// fn or the work has read it, or the time is up. Zero: 256 KiB. Negative: none.
	ReadAhead int

	// Logger gets what a client is not told. Zero: slog.Default().
	Logger *slog.Logger
}

const (
	defaultTimeout   = 5 * time.Second
	defaultReadAhead = 256 << 10
)

func configError(format string, args ...any) error {
	return fmt.Errorf("httpbridge: "+format, args...)
}

// route is what all requests of a handler share. It is immutable.
type route struct {
	HandlerConfig
	encoders encoders
	err      error // that the configuration makes no sense; then every request is 500
}

func newRoute(cfg HandlerConfig) *route {
	rt := &route{HandlerConfig: cfg}
	if rt.Timeout <= 0 {
		rt.Timeout = defaultTimeout
	}
	if rt.ReadAhead == 0 {
		rt.ReadAhead = defaultReadAhead
	}
	rt.encoders, rt.err = newEncoders(cfg.Encoders)
	switch {
	case rt.err != nil:
	case cfg.Async && cfg.Resources == nil:
		rt.err = configError("HandlerConfig: Async without Resources")
	case slices.ContainsFunc(cfg.Errors, func(rule ErrorRule) bool { return rule == nil }):
		rt.err = configError("HandlerConfig: Errors: a rule is nil")
	}
	return rt
}

func (rt *route) logger() *slog.Logger {
	if rt.Logger != nil {
		return rt.Logger
	}
	return slog.Default()
}

// Handler returns an http.Handler that calls fn, waits for the result and sends
// it. fn is called on the request's goroutine and should only start the work; it
// may be given the request's ctx, which ends when the client goes away.
//
// The value is encoded before anything is sent, so whatever goes wrong is a clean
// problem document: see [ProblemFor] for which. A Result[struct{}] is sent as 204.
// When the wait is up or the client has gone, the result is cancelled, unless
// Detached. To a client that has gone nothing is sent; the log says 499 at level
// Debug.
//
// fn may read the body of the request, and so may the work while the request
// waits. It must not use the request after that.
//
// A mistake in cfg is logged, and every request is 500.
func Handler[T any](fn func(*http.Request) *eventual.Result[T], cfg HandlerConfig) http.Handler {
	h := &handler[T]{newRoute(cfg), fn}
	if h.err == nil && fn == nil {
		h.err = configError("Handler: nil function")
	}
	if h.err != nil {
		h.logger().Error("httpbridge: handler cannot serve", "error", h.err)
	}
	return h
}

type handler[T any] struct {
	*route
	fn func(*http.Request) *eventual.Result[T]
}

// ServeHTTP takes a request through: what is refused before any work begins, the
// work, the wait, the response.
func (h *handler[T]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{route: h.route, w: w, r: r}
	defer x.end()
	if err := x.admit(); err != nil {
		x.fail(err)
		return
	}
	res := h.fn(x.prepare())
	if res == nil {
		x.fail(errNoResult)
		return
	}
	o, ok := res.Peek()
	if !ok {
		x.follow(res)
		var err error
		if o, ok, err = wait(r.Context(), res, x.patience()); !ok {
			x.giveUp(kept[T]{res, x.cancel}, err)
			return
		}
	}
	x.finish(o.Value, o.Err)
}

var errNoResult = errors.New("httpbridge: the handler's function returned no result")

// work is a result as those parts see it that do not know its type.
type work interface {
	eventual.Pending
	Abandon()
	peek() (v any, err error, ok bool)
	wait(ctx context.Context, timeout time.Duration) // as long as ctx lasts and timeout allows
}

// kept is a Result as work, with the ctx that the work was given if that is
// apart from the request's.
type kept[T any] struct {
	*eventual.Result[T]
	cancel context.CancelFunc
}

// Cancel also reaches work that only looks at its ctx.
func (k kept[T]) Cancel() {
	k.Result.Cancel()
	if k.cancel != nil {
		k.cancel()
	}
}

func (k kept[T]) peek() (v any, err error, ok bool) { //nolint:revive // ok is last, as everywhere
	o, ok := k.Peek()
	return o.Value, o.Err, ok
}

func (k kept[T]) wait(ctx context.Context, timeout time.Duration) {
	_, _, _ = wait(ctx, k.Result, timeout)
}
