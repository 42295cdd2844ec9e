package reactor

import (
	"context"
	"errors"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
)

// RunDeferred has fn called on the goroutine of r and returns at once with the
// result of the Deferred that fn returns. Cancelling the result cancels the
// Deferred, on r. When r stops before the Deferred has fired, it is cancelled and
// the result ends with [eventual.ErrStopped].
func RunDeferred[T any](ctx context.Context, r *Reactor, fn func(context.Context) *eventual.Deferred[T]) *eventual.Result[T] {
	if err := r.check("RunDeferred", ctx == nil, fn == nil); err != nil {
		return eventual.Failed[T](err)
	}
	j := &deferredJob[T]{r: r, fn: fn}
	j.Init(ctx, j)
	if !r.post(j) {
		j.abort(r.errStopped)
	}
	return j.Result()
}

var errNilDeferred = errors.New("reactor: RunDeferred: the function returned a nil Deferred")

// deferredJob is a function whose result comes by a Deferred.
type deferredJob[T any] struct {
	eventual.Promise[T]
	r       *Reactor
	fn      func(context.Context) *eventual.Deferred[T] // dropped when it ran
	pc      uintptr                                     // of fn, once that is dropped
	unwatch func() bool                                 // from ctx; nil again when the Deferred has fired
}

func (j *deferredJob[T]) run() {
	ctx, ok := j.Begin()
	if !ok {
		j.fn = nil
		return
	}
	returned := false
	defer func() {
		if !returned {
			j.Unwound(recover())
		}
	}()
	fn := j.fn
	j.fn, j.pc = nil, j.Func()
	d := fn(ctx)
	returned = true
	if d == nil {
		var zero T
		j.Settle(zero, errNilDeferred)
		return
	}
	j.watch(ctx, d)
}

// watch settles the result when d has fired.
func (j *deferredJob[T]) watch(ctx context.Context, d *eventual.Deferred[T]) {
	live := liveDeferred[T]{j, d}
	if !j.r.live.add(live) {
		live.abort(j.r.errStopped)
		return
	}
	if ctx.Done() != nil {
		j.unwatch = context.AfterFunc(ctx, func() { j.r.post(cancelDeferred[T]{j.r, d}) })
	}
	d.AddBoth(func(v T, err error) (T, error) {
		j.r.live.remove(live)
		if j.unwatch != nil {
			j.unwatch()
			j.unwatch = nil
		}
		j.Settle(v, err)
		return v, nil // the result has the failure now
	})
}

func (j *deferredJob[T]) abort(cause error) {
	defer func() { j.fn = nil }() // also when whom the result tells ends this goroutine
	j.Refuse(cause)
}

func (j *deferredJob[T]) Lifetime() *eventual.Lifetime { return j.r.life }

func (j *deferredJob[T]) Func() uintptr {
	if j.fn != nil {
		return funcname.PC(j.fn)
	}
	return j.pc
}

// liveDeferred is a deferredJob whose Deferred is pending, among the work that r's
// stop ends.
type liveDeferred[T any] struct {
	j *deferredJob[T]
	d *eventual.Deferred[T]
}

func (l liveDeferred[T]) abort(cause error) {
	defer l.d.Cancel() // also when whom the result tells ends this goroutine
	l.j.Abort(cause)
}

// cancelDeferred is a cancel on its way to the loop, where cancellers run.
type cancelDeferred[T any] struct {
	r *Reactor
	d *eventual.Deferred[T]
}

// run leaves it to the teardown when r stops: that cancels all, and says why.
func (c cancelDeferred[T]) run() {
	if c.r.life.Context().Err() == nil {
		c.d.Cancel()
	}
}

func (cancelDeferred[T]) abort(error) {}

// Deferred returns a Deferred that fires with the outcome of res, on the
// goroutine of r: the way back from [eventual.Deferred.Result]. Cancelling it
// cancels res. If r has stopped when res ends, it fails with
// [eventual.ErrStopped], on the goroutine that ended res.
func Deferred[T any](r *Reactor, res *eventual.Result[T]) *eventual.Deferred[T] {
	if r == nil || res == nil {
		return eventual.Fail[T](errors.New("reactor: Deferred: nil reactor or result"))
	}
	d := eventual.NewDeferred(func(*eventual.Deferred[T]) { res.Cancel() })
	res.OnDone(func() {
		w := handOver[T]{d, res}
		if !r.post(w) {
			w.abort(r.errStopped)
		}
	})
	return d
}

// handOver is the outcome of a Result on its way to the loop.
type handOver[T any] struct {
	d   *eventual.Deferred[T]
	res *eventual.Result[T]
}

// run fires the Deferred; a Cancel may have been first, which is no error.
func (h handOver[T]) run() {
	if o, _ := h.res.Peek(); o.Err != nil {
		_ = h.d.Errback(o.Err)
	} else {
		_ = h.d.Callback(o.Value)
	}
}

// abort hands on why res failed too, if it did on its own account.
func (h handOver[T]) abort(cause error) {
	if o, _ := h.res.Peek(); o.Err != nil && !errors.Is(o.Err, eventual.ErrStopped) {
		cause = errors.Join(cause, o.Err)
	}
	_ = h.d.Errback(cause)
}
