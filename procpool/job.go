package procpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// DeferToProcess has a worker of p run f with in, and returns at once with the
// result that f will give. in is encoded before DeferToProcess returns, so the
// caller may change afterwards what it points to.
//
// The ctx of f in the worker has the deadline of ctx, and is cancelled when ctx
// is, by the result's Cancel, and by Config.JobTimeout. A job that does not stop
// within Config.Grace then is killed with its worker. Its error is a
// [*TimeoutError] if a deadline or JobTimeout was the cause, and matches
// [eventual.ErrCanceled] or the ctx's cause otherwise; a value that it returned all
// the same stands. A job whose ctx ends before its turn is not run.
//
// The result fails with a [*RemoteError] if f did, with a [*WorkerExitError] if
// the worker ended before f did, with [ErrQueueFull], [ErrWorkersFailing] or
// [ErrTooLarge] at once, and with [eventual.ErrStopped] once p has stopped.
func DeferToProcess[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], in In) *eventual.Result[Out] {
	return submit(ctx, "DeferToProcess", p, f, in, nil)
}

func submit[In, Out any](ctx context.Context, op string, p *Pool, f *Func[In, Out], in In, progress *progressQueue) *eventual.Result[Out] {
	switch {
	case p == nil:
		return eventual.Failed[Out](fmt.Errorf("procpool: %s: nil pool", op))
	case ctx == nil:
		return eventual.Failed[Out](p.errorf("%s: nil ctx", op))
	case f == nil || f.f == nil:
		return eventual.Failed[Out](p.errorf("%s: nil function; Register returns one", op))
	case f.f.err != nil:
		return eventual.Failed[Out](f.f.err)
	}
	if ctx.Err() != nil { // the usual path would encode first
		return eventual.Failed[Out](p.notStarted(ctx, f.f))
	}
	if err := p.refusal(); err != nil {
		return eventual.Failed[Out](err)
	}
	payload, err := contained(func() (payload, error) { return encodeSame(p.encoder, in) })
	if err != nil {
		return eventual.Failed[Out](p.errorf("argument of %s: %w", f.f.name, err))
	}
	j := &job[Out]{jobCore: jobCore{p: p, f: f.f, in: payload, progress: progress}}
	j.deadline, _ = ctx.Deadline()
	j.Init(ctx, j)
	j.watch(ctx, j)
	if err := p.submit(j); err != nil {
		j.refuse(err)
		j.release()
	}
	return j.Result()
}

// contained calls code that runs methods of the user's types.
func contained[T any](fn func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = eventual.Recovered(r)
		}
	}()
	return fn()
}

// task is a job without the type of its result.
type task interface {
	core() *jobCore
	// begin claims the job for a worker; it reports false if it has ended.
	begin() bool
	// quiet reports whether succeed runs no code of the user's but what OnDone was given.
	quiet() bool
	// succeed decodes what the worker sent and ends the job with it.
	succeed(c *codecs, r received)
	// fail ends a job that was begun.
	fail(err error)
	// refuse ends a job that was not begun; it reports false if it was.
	refuse(err error) bool
	// lapse is refuse for who watches the caller's ctx.
	lapse(err error) bool
}

// jobCore is the part of a job that does not depend on its type.
type jobCore struct {
	// Immutable after submit, but for what release drops.
	p         *Pool
	f         *function
	in        payload
	deadline  time.Time // of the caller's ctx; zero: none
	progress  *progressQueue
	unwatch   func() bool // of the caller's ctx; nil: it never ends
	submitted time.Duration

	// Guarded by p.mu.
	worker *worker // that has it; nil in the queue
	ask    stopAsk
	cause  error // of stopCanceled, if a ctx had one

	// Owned by the worker that has it.
	ctx      context.Context // of the work
	id       uint64
	begun    time.Duration // when it was first in the worker's line
	asked    stopAsk       // what the worker was told of ask
	retried  bool          // it had a worker that died
	recalled bool          // the worker was asked to give it back
}

// stopAsk says whether and why a job is to stop.
type stopAsk uint8

const (
	stopNot      stopAsk = iota
	stopCanceled         // by its holder, or its ctx
	stopTimeUp           // its deadline or JobTimeout has passed
	stopPool             // the pool stops and waits no longer
)

func (j *jobCore) core() *jobCore { return j }

// release drops what only a job that is to run needs. It is called by who took the
// job out of the queue, once it has ended.
func (j *jobCore) release() {
	if j.unwatch != nil {
		j.unwatch()
	}
	if j.in.mem != nil {
		j.in.mem.close()
	}
	j.in, j.ctx = payload{}, nil
}

// drop ends a job that was taken out of the queue and is not to run.
func drop(t task, err error) {
	switch j := t.core(); {
	case j.ctx != nil: // a worker had it before
		t.fail(err)
	default:
		t.refuse(err) // or it has ended already
		j.release()
	}
}

// dropAll drops all of them, also if what one calls ends the goroutine.
func dropAll(ts []task, err error) {
	for _, t := range slices.Backward(ts) {
		defer drop(t, err)
	}
}

// watch has the job stopped when ctx ends.
func (j *jobCore) watch(ctx context.Context, t task) {
	if ctx.Done() == nil {
		return
	}
	j.unwatch = context.AfterFunc(ctx, func() {
		t.lapse(j.p.notStarted(ctx, j.f))
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			j.p.askToStop(j, stopTimeUp, nil)
			return
		}
		j.p.askToStop(j, stopCanceled, context.Cause(ctx))
	})
}

// notStarted is the error of a job of f whose ctx ended before its turn.
func (p *Pool) notStarted(ctx context.Context, f *function) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &TimeoutError{component: p.component, job: f.name}
	}
	return p.errorf("%s: not started: %w", f.name, context.Cause(ctx))
}

// job is a call of a function that returns an Out.
type job[Out any] struct {
	eventual.Promise[Out]
	jobCore
}

func (j *job[Out]) begin() bool {
	if j.ctx != nil { // it was claimed for a worker before
		return true
	}
	ctx, ok := j.Begin()
	j.ctx = ctx
	return ok
}

func (j *job[Out]) succeed(c *codecs, r received) {
	var v Out
	err := eventual.ErrGoexit // if a decoder of the user's ends the goroutine
	defer func() {
		r.release()
		if err != nil {
			err = j.p.errorf("result of %s: %w", j.f.name, err)
		}
		j.end(v, err)
	}()
	v, err = contained(func() (Out, error) { return decodeSame[Out](c.codec, &c.types, r) })
}

func (j *job[Out]) fail(err error) {
	var zero Out
	j.end(zero, err)
}

// end settles the result, after everything that was made of the job's progress.
func (j *job[Out]) end(v Out, err error) {
	j.release()
	if err != nil {
		j.p.failed.Add(1)
	} else {
		j.p.succeeded.Add(1)
	}
	if j.progress != nil {
		j.p.callBegins()
		j.progress.finish(func() {
			defer j.p.callEnded()
			j.Settle(v, err)
		})
		return
	}
	j.Settle(v, err)
}

func (j *job[Out]) refuse(err error) bool {
	return j.lapse(err)
}

func (j *job[Out]) lapse(err error) bool {
	if !j.Refuse(err) {
		return false
	}
	if j.progress != nil {
		j.progress.finish(func() {})
	}
	return true
}

// Cancel ends a job in the queue, and has one that runs asked to stop.
func (j *job[Out]) Cancel() {
	j.Promise.Cancel()
	j.p.askToStop(&j.jobCore, stopCanceled, nil)
}

func (j *job[Out]) Lifetime() *eventual.Lifetime { return j.p.life }
func (j *job[Out]) Func() uintptr                { return j.f.pc }
