package httpbridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// exchange is one request on its way through a handler. It belongs to the
// request's goroutine.
type exchange struct {
	*route
	w     http.ResponseWriter
	r     *http.Request // as it came
	enc   *Encoder
	prefs preferences
	body  *requestBody // set if there is one to watch
	out   bool         // the header may have been sent
	told  bool         // the log has been told of this failure before

	// What is to be given back when the work has ended, if it is there.
	leave  func()             // the client limit
	ticket *ticket            // room for a result resource, for a client that prefers one
	cancel context.CancelFunc // of the ctx of work that may outlive the request
}

// admit decides everything that can be decided before the work begins.
func (x *exchange) admit() (err error) {
	if x.err != nil {
		return x.err
	}
	if x.enc = x.encoders.choose(x.r.Header["Accept"]); x.enc == nil {
		return x.encoders.notAcceptable()
	}
	if prefer := x.r.Header["Prefer"]; prefer != nil {
		if x.prefs = parsePrefer(prefer); x.prefs.hasWait {
			appliedWait(x.w.Header(), x.patience())
		}
	}
	if x.leave, err = x.Limit.enter(x.r); err != nil {
		return err
	}
	if x.Resources != nil && (x.Async || x.prefs.respondAsync) {
		x.ticket, err = x.Resources.reserve(x.r)
	}
	return err
}

// prepare returns the request that the work sees.
func (x *exchange) prepare() *http.Request {
	ctx := x.r.Context()
	x.body = watchBody(x.w, x.r, x.ReadAhead)
	apart := x.ticket != nil || x.Detached
	if !apart && x.body == nil {
		return x.r
	}
	if apart {
		ctx, x.cancel = context.WithCancel(context.WithoutCancel(ctx))
	}
	if x.ticket != nil {
		ctx = context.WithValue(ctx, trackerKey{}, reporter(&x.ticket.tracker))
	}
	in := x.r.WithContext(ctx)
	if x.body != nil {
		in.Body = x.body
	}
	return in
}

// follow begins to look after a result that is not there yet.
func (x *exchange) follow(res eventual.Pending) {
	if x.leave != nil {
		res.OnDone(x.leave)
		x.leave = nil
	}
	if x.cancel != nil {
		res.OnDone(x.cancel)
	}
	if x.body != nil {
		x.body.watch()
	}
}

// giveUp answers without a result: the wait ended with err.
func (x *exchange) giveUp(res work, err error) {
	timeout := errors.Is(err, eventual.ErrTimeout)
	switch {
	case x.gone():
		x.drop(res)
		x.vanish()
	case x.ticket != nil && (timeout || errors.Is(err, context.DeadlineExceeded)): // of the request
		x.accept(res)
	case timeout:
		x.drop(res)
		x.fail(fmt.Errorf("httpbridge: no result within %v: %w", x.patience(), err))
	default:
		x.drop(res)
		x.fail(err)
	}
}

// drop ends work that nobody waits for any more.
func (x *exchange) drop(res work) {
	if x.ticket != nil {
		res.OnDone(x.ticket.giveBack)
		x.ticket = nil
	}
	if !x.Detached {
		res.Cancel()
		_, _, _ = res.peek() // if it has just failed, with the client's ctx perhaps, that is nobody's concern
	}
	x.cancel = nil
}

// patience is how long this request waits.
func (x *exchange) patience() time.Duration {
	switch {
	case x.prefs.hasWait:
		return min(x.prefs.wait, x.Timeout)
	case x.ticket != nil:
		return 0
	}
	return x.Timeout
}

// gone reports whether the client has left. net/http gives no other reason for
// that than a bare cancel; a cause of its own is that of some middleware, and the
// client is still there.
func (x *exchange) gone() bool {
	ctx := x.r.Context()
	return ctx.Err() != nil && context.Cause(ctx) == context.Canceled //nolint:errorlint // only the bare error says so
}

// finish sends the outcome.
func (x *exchange) finish(v any, err error) {
	switch {
	case err == nil:
		x.send(v)
	case x.gone():
		x.vanish()
	default:
		x.fail(err)
	}
}

// send encodes v and sends it.
func (x *exchange) send(v any) {
	if _, nothing := v.(struct{}); nothing {
		x.release()
		x.out = true
		x.w.WriteHeader(http.StatusNoContent)
		return
	}
	b, err := x.enc.encode(x.r, v)
	if err != nil {
		x.fail(err)
		return
	}
	x.release()
	h := x.w.Header()
	if len(x.encoders) > 1 {
		h.Add("Vary", "Accept")
	}
	f := fields{h: h, values: make([]string, 0, 3)}
	f.set("Content-Type", x.enc.ContentType)
	f.set("Content-Length", strconv.Itoa(b.Len()))
	f.set("X-Content-Type-Options", "nosniff")
	x.out = true
	x.w.WriteHeader(http.StatusOK)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(b.Bytes()) // the client may have gone
	}
	b.free()
}

// fail sends what the rules make of err, and logs what they hide.
func (x *exchange) fail(err error) {
	if errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	p, err := x.problemFor(err)
	x.log(p.status(), err)
	x.problem(p)
}

// problemFor returns what the rules make of err, or of the panic of one of them.
func (x *exchange) problemFor(err error) (p *Problem, why error) {
	defer func() {
		if v := recover(); v != nil {
			p, why = new(Problem), eventual.Recovered(v)
		}
	}()
	p = ProblemFor(err, x.Errors...)
	if p.status() == http.StatusServiceUnavailable && errors.Is(err, eventual.ErrStopped) {
		x.w.Header().Set("Connection", "close") // to find another server
	}
	return p, err
}

// problem sends p.
func (x *exchange) problem(p *Problem) {
	x.release()
	x.out = true
	if x.ServeProblem != nil {
		x.ServeProblem(x.w, x.r, p)
		return
	}
	p.ServeHTTP(x.w, x.r)
}

// log tells the owner of the program what the client is not told: errors that
// nobody foresaw above all.
func (x *exchange) log(status int, err error) {
	level := slog.LevelDebug
	switch {
	case x.told:
	case status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
		level = slog.LevelWarn
	case status >= 500:
		level = slog.LevelError
	}
	log := x.logger()
	if ctx := x.r.Context(); log.Enabled(ctx, level) {
		log.Log(ctx, level, "httpbridge: request failed", "status", status, "method", x.r.Method, "route", x.r.Pattern, "error", logged(err))
	}
}

// logged has a panic logged with its stack.
func logged(err error) any {
	if p, ok := errors.AsType[*eventual.PanicError](err); ok {
		return p
	}
	return err
}

// statusClientGone is what nginx logs for clients that have left. It is never
// sent.
const statusClientGone = 499

// vanish ends the exchange without a response. To return would send 200 with no
// body, which a client that is there after all, having closed only its half of the
// connection, would take for the result.
func (x *exchange) vanish() {
	x.log(statusClientGone, context.Cause(x.r.Context()))
	x.release()
	x.out = true
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err == nil {
		_ = conn.Close()
		return
	}
	if x.r.Context().Value(http.ServerContextKey) != nil { // else it is a test's, say, and there is nothing to cut
		panic(http.ErrAbortHandler) // HTTP/2, or a writer that hides what it can
	}
}

// release ends the reading of the body, which the header of the response would
// wait for.
func (x *exchange) release() {
	if x.body != nil {
		x.body.release(x.w)
		x.body = nil
	}
}

// end, deferred, gives back what the work does not need any more. A panic of user
// code becomes a 500, or cuts the connection if it is too late for that.
func (x *exchange) end() {
	v := recover()
	x.release()
	if x.leave != nil {
		x.leave()
	}
	if x.cancel != nil {
		x.cancel()
	}
	if x.ticket != nil {
		x.ticket.giveBack()
	}
	switch {
	case v == nil:
	case v == http.ErrAbortHandler: //nolint:errorlint // it is compared by identity everywhere
		panic(v)
	case x.out:
		x.log(http.StatusInternalServerError, eventual.Recovered(v))
		panic(http.ErrAbortHandler)
	default:
		x.fail(eventual.Recovered(v))
	}
}
