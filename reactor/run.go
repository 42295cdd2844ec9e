package reactor

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
)

// RunInReactor has fn called on the goroutine of r and returns at once with the
// result that fn will give: crochet's run_in_reactor. fn must not block; what it
// is to wait for belongs into a coroutine, see [Inline], or a pool.
//
// The ctx of fn derives from ctx and is cancelled by the result's Cancel and by
// r's Stop. fn is not called if ctx ends or the result is cancelled before its
// turn. When r has stopped, the result fails with [eventual.ErrStopped].
func RunInReactor[T any](ctx context.Context, r *Reactor, fn func(context.Context) (T, error)) *eventual.Result[T] {
	if err := r.check("RunInReactor", ctx == nil, fn == nil); err != nil {
		return eventual.Failed[T](err)
	}
	if eventual.Plain(ctx) {
		j := &plainJob[T]{fn: fn}
		j.InitIn(&j.room, nil, r.life, j)
		r.submit(j)
		return j.Result()
	}
	j := &job[T]{r: r, fn: fn}
	j.Init(ctx, j)
	r.submit(j)
	return j.Result()
}

func (r *Reactor) submit(t task) {
	if !r.post(t) {
		t.abort(r.errStopped)
	}
}

// WaitFor is RunInReactor and Wait in one: when the timeout strikes, the work is
// cancelled and the error is [eventual.ErrTimeout]. It is crochet's wait_for.
func WaitFor[T any](ctx context.Context, r *Reactor, timeout time.Duration, fn func(context.Context) (T, error)) (T, error) {
	return waitOrCancel(RunInReactor(ctx, r, fn), timeout)
}

// BlockingCallFromThread has fn called on the goroutine of r and waits for what
// it gives, as long as ctx allows; when ctx ends first, the work is cancelled.
// The name is Twisted's.
func BlockingCallFromThread[T any](ctx context.Context, r *Reactor, fn func(context.Context) (T, error)) (T, error) {
	res := RunInReactor(ctx, r, fn)
	v, err := res.WaitContext(ctx)
	if err != nil {
		giveUp(res)
	}
	return v, err
}

// waitOrCancel gives up on work that nobody else can be waiting for.
func waitOrCancel[T any](res *eventual.Result[T], timeout time.Duration) (T, error) {
	v, err := res.Wait(timeout)
	if err != nil {
		giveUp(res)
	}
	return v, err
}

// giveUp cancels res, which does nothing if it is the work that failed. If the
// work has failed since, that is no news to anybody.
func giveUp[T any](res *eventual.Result[T]) {
	res.Cancel()
	res.Peek()
}

// DeferLater has fn called on the goroutine of r once d has passed, and gives its
// result: Twisted's deferLater. Cancelling the result prevents the call.
func DeferLater[T any](ctx context.Context, r *Reactor, d time.Duration, fn func(context.Context) (T, error)) *eventual.Result[T] {
	if err := r.check("DeferLater", ctx == nil, fn == nil); err != nil {
		return eventual.Failed[T](err)
	}
	j := &delayedJob[T]{job: job[T]{r: r, fn: fn}}
	j.Init(ctx, j)
	if r.refuses() {
		j.abort(r.errStopped)
		return j.Result()
	}
	j.call = DelayedCall{r: r, task: j}
	r.schedule(&j.call, r.deadline(d))
	if r.refuses() && j.call.Cancel() { // Stop may have emptied the heap before it came
		j.abort(r.errStopped)
	}
	return j.Result()
}

func (r *Reactor) check(op string, noCtx, noFn bool) error {
	switch {
	case r == nil:
		return fmt.Errorf("reactor: %s: nil reactor", op)
	case noCtx:
		return fmt.Errorf("%s: %s: nil ctx", r.component, op)
	case noFn:
		return fmt.Errorf("%s: %s: nil function", r.component, op)
	}
	return nil
}

// job is a function with a result, for the loop to run.
type job[T any] struct {
	eventual.Promise[T]
	r  *Reactor
	fn func(context.Context) (T, error) // dropped by the loop when it ran
}

func (j *job[T]) run() {
	defer j.drop() // also when fn ends the goroutine
	j.Run(j.fn)
}

// abort is called where nobody can run j any more.
func (j *job[T]) abort(cause error) {
	defer j.drop()
	j.Refuse(cause)
}

// drop lets go of the function: the result may be kept for long, what it refers to
// need not be.
func (j *job[T]) drop() { j.fn = nil }

func (j *job[T]) Lifetime() *eventual.Lifetime { return j.r.life }
func (j *job[T]) Func() uintptr                { return funcname.PC(j.fn) }

// plainJob is a job with its ctx in the same allocation, where that keeps nothing of
// the caller's alive.
type plainJob[T any] struct {
	eventual.Promise[T]
	room eventual.Room
	fn   func(context.Context) (T, error) // dropped by the loop when it ran
}

func (j *plainJob[T]) run() { j.RunIn(&j.room, &j.fn) }

func (j *plainJob[T]) abort(cause error) {
	defer func() { j.fn = nil }() // also when whom the result tells ends this goroutine
	j.Refuse(cause)
}

func (j *plainJob[T]) Lifetime() *eventual.Lifetime { return j.room.Lifetime() }
func (j *plainJob[T]) Func() uintptr                { return funcname.PC(j.fn) }

// delayedJob is a job with the timer that starts it.
type delayedJob[T any] struct {
	job[T]
	call DelayedCall
}

// Cancel takes the call out of the heap too, which holds ctx and fn otherwise
// until their time comes.
func (j *delayedJob[T]) Cancel() {
	taken := j.call.Cancel()
	j.Promise.Cancel()
	if taken { // nobody else comes to it any more
		j.drop()
	}
}
