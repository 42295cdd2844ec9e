package httpbridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

// The states of a pooledRequest. Whoever makes the change from inQueue owns what
// comes after.
const (
	inQueue   = iota // a worker will come to it
	inWorker         // its handler runs, or has run
	abandoned        // nobody waits; the worker that comes to it goes away again
)

// pooledRequest is a request whose handler is a worker's to run. The request's own
// goroutine, the server's, waits for it.
type pooledRequest struct {
	// Immutable once the worker may see it.
	m     *middleware
	next  http.Handler
	base  context.Context         // ends with the request and with the pool
	ctx   context.Context         // of the handler: base, and at the deadline
	end   context.CancelCauseFunc // of base
	stop  context.CancelFunc      // of the deadline
	w     pooledWriter
	r     *http.Request // the handler's
	leave func()        // the client limit; may be nil
	done  chan struct{} // closed when the handler has ended

	state     atomic.Int32
	streaming atomic.Bool // it is no request any more that should take only so long

	// The worker's until done is closed.
	failure error  // why it did not return
	cause   error  // of its ctx, if that had ended when it returned
	worker  int64  // its goroutine
	counted bool   // what it waits for is counted
	resume  func() // takes back the slot that was lent; nil if none was
}

func (m *middleware) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	x := exchange{route: m.route, w: w, r: r}
	defer x.end()
	if x.err != nil {
		x.fail(x.err)
		return
	}
	leave, err := m.Limit.enter(r)
	if err != nil {
		m.shed(&x, err)
		return
	}
	j := m.newRequest(next, &x, leave)
	defer j.over()
	if err := j.submit(); err != nil {
		m.shed(&x, err)
		return
	}
	if x.body != nil {
		x.body.watch()
	}
	if err := j.wait(); err != nil {
		m.fail(&x, err)
	}
}

// fail answers a request whose handler did not: nobody waits for it any more.
func (m *middleware) fail(x *exchange, err error) {
	_, refused := errors.AsType[refusal](err)
	switch {
	case x.gone():
		x.vanish()
	case errors.Is(err, http.ErrAbortHandler):
		panic(http.ErrAbortHandler)
	case refused:
		m.shed(x, err)
	default:
		x.told = isPanic(err) || errors.Is(err, eventual.ErrGoexit) // by the worker
		x.fail(err)
	}
}

// newRequest makes what the worker needs. Its over is for the end of the request.
func (m *middleware) newRequest(next http.Handler, x *exchange, leave func()) *pooledRequest {
	j := &pooledRequest{m: m, next: next, leave: leave, done: make(chan struct{})}
	j.base, j.end = context.WithCancelCause(x.r.Context())
	j.ctx, j.stop = context.WithTimeoutCause(j.base, m.Timeout, errTooLong)
	j.r = x.r.WithContext((*pooledContext)(j))
	if x.body = watchBody(x.w, x.r, m.ReadAhead); x.body != nil {
		j.r.Body = x.body
	}
	j.w.init(x, j)
	return j
}

func (j *pooledRequest) over() {
	j.end(errRequestOver)
	j.stop()
}

var errRequestOver = fmt.Errorf("httpbridge: the request is over: %w", context.Canceled)

// submit hands the request to the pool.
func (j *pooledRequest) submit() error {
	m := j.m
	n := m.waiting.Add(1)
	err := error(nil)
	if m.QueueLimit > 0 && n > int64(m.QueueLimit) {
		err = fmt.Errorf("%w: %d requests wait", eventual.ErrQueueFull, m.QueueLimit)
	} else {
		// Not with the request's ctx: the pool must come to it even if the request is
		// over by then, or nobody would know that it waits no more.
		err = m.pool.CallInThread(context.Background(), j.run)
	}
	if err == nil {
		return nil
	}
	m.waiting.Add(-1)
	j.giveBack()
	return refusal{err, m.retryAfter()}
}

// wait waits for the handler to end, or for a reason to wait no longer. It returns
// what is to be told instead of a response, or http.ErrAbortHandler if it is too
// late for that.
func (j *pooledRequest) wait() error {
	resume, err := park.Before(park.ID(), nil)
	if err != nil { // a reactor must not wait
		if j.abandon() {
			return err
		}
		return j.leaveBehind(err)
	}
	if resume != nil {
		defer resume() // a handler in a handler, perhaps of the same pool
	}
	queued := time.NewTimer(j.m.QueueTimeout)
	defer queued.Stop()
	over := j.ctx.Done()
	known := j.m.known
	var stopped <-chan struct{} // nil until it is known
	for {
		select {
		case <-j.done:
			return j.outcome()
		case <-known:
			known, stopped = nil, j.m.poolEnds()
		case <-stopped:
			stopped = nil
			if err := j.m.poolEnded(); err != nil && j.abandon() {
				return refusal{err, j.m.retryAfter()}
			}
		case <-queued.C:
			if j.abandon() {
				return refusal{errNoWorker, j.m.retryAfter()}
			}
		case <-over:
			cause := context.Cause(j.ctx)
			if cause == errTooLong && j.streaming.Load() { //nolint:errorlint // our own deadline and no other's
				over = j.base.Done()
				continue
			}
			if j.abandon() {
				return refusal{cause, j.m.retryAfter()}
			}
			return j.leaveBehind(cause)
		}
	}
}

// abandon reports whether no worker has come to it, and none will.
func (j *pooledRequest) abandon() bool {
	if !j.state.CompareAndSwap(inQueue, abandoned) {
		return false
	}
	j.giveBack()
	return true
}

// leaveBehind ends the request while its handler runs.
func (j *pooledRequest) leaveBehind(cause error) error {
	whole := j.w.seal()
	select {
	case <-j.done: // it was about to
		if whole && !j.w.state().refused {
			return j.outcome()
		}
	default:
	}
	j.end(cause)
	if !whole || j.w.state().begun {
		return http.ErrAbortHandler
	}
	return cause
}

// outcome is what there is to tell of a handler that has ended. One that returned
// when its time was up did not mean an empty response, or half of one, to be whole.
func (j *pooledRequest) outcome() error {
	begun := j.w.state().begun
	err := j.failure
	if err == nil {
		err = j.cause
	}
	switch {
	case err == nil:
		j.w.finish()
		return nil
	case begun:
		return http.ErrAbortHandler
	}
	return err
}

// run is called by a worker.
func (j *pooledRequest) run(ctx context.Context) {
	j.m.waiting.Add(-1)
	if !j.state.CompareAndSwap(inQueue, inWorker) {
		return
	}
	j.enterWorker()
	j.m.notePool(ctx)
	stop := context.AfterFunc(ctx, func() { j.end(context.Cause(ctx)) }) // the pool has been stopped
	returned := false
	defer func() {
		if !returned {
			j.failure = j.unwound(recover())
		}
		stop()
		j.leaveWorker()
		j.cleanUp()
	}()
	j.next.ServeHTTP(&j.w, j.r)
	returned = true
	if j.cause = context.Cause(j.base); j.cause == nil && !j.streaming.Load() {
		j.cause = context.Cause(j.ctx)
	}
}

// enterWorker takes note of the goroutine that runs the handler. Where that lends its
// slot when it waits for a result, the request counts as one that waits meanwhile:
// else a pool would have any number of requests that each wait for something.
func (j *pooledRequest) enterWorker() {
	j.worker = park.ID()
	if j.counted = park.Current(j.worker) != nil; j.counted {
		park.Enter(j)
	}
}

func (j *pooledRequest) leaveWorker() {
	if j.counted {
		park.Leave(j.worker)
	}
}

// BeforePark counts the request from when its handler waits until it has its slot
// again, for the pool's own hook is the outer one. A stream is no request.
func (j *pooledRequest) BeforePark(any) (resume func(), err error) {
	if j.streaming.Load() {
		return nil, nil
	}
	j.m.waiting.Add(1)
	return func() { j.m.waiting.Add(-1) }, nil
}

// unwound says why a handler did not return, and logs it: the request may be over
// and nobody else there to do so.
func (j *pooledRequest) unwound(recovered any) error {
	err := error(eventual.ErrGoexit)
	switch {
	case recovered == http.ErrAbortHandler: //nolint:errorlint // it is compared by identity everywhere
		return http.ErrAbortHandler
	case recovered != nil:
		err = eventual.Recovered(recovered)
	}
	j.m.route.logger().ErrorContext(j.ctx, "httpbridge: handler did not return",
		"method", j.r.Method, "route", j.r.Pattern, "path", j.r.URL.Path, "error", logged(err))
	return err
}

// cleanUp ends what the handler had, on the worker.
func (j *pooledRequest) cleanUp() {
	if form := j.r.MultipartForm; form != nil {
		_ = form.RemoveAll() // the server knows only the request that it made itself
	}
	resume := j.resume
	j.giveBack()
	close(j.done)
	if resume != nil {
		resume() // after close: the client need not wait for a slot
	}
}

func (j *pooledRequest) giveBack() {
	if j.leave != nil {
		j.leave()
	}
}

// lend makes a request that will take long no request any more: it has no deadline
// and its worker lends its slot. The handler's goroutine calls it.
func (j *pooledRequest) lend() {
	j.streaming.Store(true)
	if j.worker == park.ID() && j.resume == nil {
		j.resume, _ = lendSlot() // it is no reactor's goroutine
	}
}

// pooledContext is a pooledRequest as the ctx of its handler, which finds it there.
type pooledContext pooledRequest

func (c *pooledContext) Deadline() (time.Time, bool) { return c.ctx.Deadline() }
func (c *pooledContext) Done() <-chan struct{}       { return c.ctx.Done() }
func (c *pooledContext) Err() error                  { return c.ctx.Err() }

// Value also returns the pooledRequest, for pooledKey.
func (c *pooledContext) Value(key any) any {
	if key == (pooledKey{}) {
		return (*pooledRequest)(c)
	}
	return c.ctx.Value(key)
}

type pooledKey struct{}

// pooledOf returns the pooledRequest that a request is part of, or nil.
func pooledOf(ctx context.Context) *pooledRequest {
	j, _ := ctx.Value(pooledKey{}).(*pooledRequest)
	return j
}

func (m *middleware) retryAfter() time.Duration {
	return m.RetryAfter + rand.N(m.RetryAfter+1)
}

// shed refuses a request. It does not log it as a failure, unless the rules make
// something else of it than a refusal: under overload there are many, and they are
// what should happen.
func (m *middleware) shed(x *exchange, err error) {
	p, err := x.problemFor(err)
	if s := p.status(); s != http.StatusServiceUnavailable && s != http.StatusTooManyRequests {
		x.log(s, err)
	} else if log := x.logger(); log.Enabled(x.r.Context(), slog.LevelDebug) {
		log.DebugContext(x.r.Context(), "httpbridge: request refused", "status", p.status(), "method", x.r.Method, "path", x.r.URL.Path, "error", err)
	}
	x.problem(p)
}
