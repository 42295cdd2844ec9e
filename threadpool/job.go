package threadpool

import (
	"context"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
)

// job is a function with a result.
type job[T any] struct {
	eventual.Promise[T]
	p  *Pool
	fn func(context.Context) (T, error) // dropped once it has ended: the result may be kept
}

// newJob makes a job: what a worker is to do, and what its submitter gets.
func newJob[T any](ctx context.Context, p *Pool, fn func(context.Context) (T, error)) (task, *eventual.Result[T]) {
	if p.dozeFor > 0 {
		j := &lockedJob[T]{job: job[T]{p: p, fn: fn}}
		j.Init(ctx, j)
		return j, j.Result()
	}
	if eventual.Plain(ctx) {
		j := &plainJob[T]{job: job[T]{p: p, fn: fn}}
		j.InitIn(&j.room, nil, p.life, j)
		return j, j.Result()
	}
	j := &job[T]{p: p, fn: fn}
	j.Init(ctx, j)
	return j, j.Result()
}

func (j *job[T]) run(w *worker) {
	if ctx, ok := j.Begin(); ok {
		j.do(ctx, w)
	}
}

// do leaves a panic to unwound.
func (j *job[T]) do(ctx context.Context, w *worker) {
	v, err := j.fn(ctx)
	if err != nil {
		j.p.failed.Add(1)
	} else {
		w.succeeded.Add(1)
	}
	j.Settle(v, err)
}

func (j *job[T]) unwound(_ *worker, recovered any) {
	if j.Settled() { // by an OnDone of the result, which is no failure of the job
		return
	}
	j.p.failed.Add(1)
	if recovered != nil {
		j.p.panicked.Add(1)
	}
	j.Unwound(recovered)
}

// drop leaves alone what somebody else is just ending, who may call Func for a report.
func (j *job[T]) drop() {
	if j.Settled() {
		j.fn = nil
	}
}

func (j *job[T]) expire() {
	if err := j.Expired(); err != nil {
		j.Refuse(err)
	}
}

func (j *job[T]) over() bool                   { return j.Settled() }
func (j *job[T]) pool() *Pool                  { return j.p }
func (j *job[T]) refuse(cause error) bool      { return j.Refuse(cause) }
func (j *job[T]) Lifetime() *eventual.Lifetime { return j.p.life }
func (j *job[T]) Func() uintptr                { return funcname.PC(j.fn) }

// plainJob is a job with its ctx in the same allocation, where that keeps nothing of
// the caller's alive.
type plainJob[T any] struct {
	job[T]
	room eventual.Room
}

func (j *plainJob[T]) run(w *worker) {
	if ctx, ok := j.BeginIn(&j.room); ok {
		j.do(ctx, w)
	}
}

// calls are functions without a result.
type calls struct {
	eventual.Promise[struct{}]
	p   *Pool
	ctx context.Context // of the caller: nobody holds a result that could keep it alive
	fs  []func(context.Context)

	room eventual.Room
	one  [1]func(context.Context) // what fs is, if it is one: saves an allocation
}

func (c *calls) run(w *worker) {
	c.expire()
	ctx, ok := c.Begin()
	if !ok {
		return
	}
	defer c.Settle(struct{}{}, nil) // ends the ctx
	w.callAll(ctx, c.fs)
}

// unwound has been told of the functions by call already. A panic is that of the
// caller's ctx.
func (c *calls) unwound(w *worker, recovered any) {
	if recovered != nil {
		w.callFailed(c.fs[0], recovered)
	}
}

func (c *calls) expire() {
	if c.Expired() != nil {
		c.refuse(nil)
	}
}

// refuse has nobody to tell; with a cause, the Promise's own end would be reported
// as a failure that nobody looked at.
func (c *calls) refuse(error) bool            { return c.Refuse(nil) }
func (c *calls) over() bool                   { return c.Settled() }
func (c *calls) drop()                        {} // nobody keeps it
func (c *calls) Lifetime() *eventual.Lifetime { return c.p.life }
func (c *calls) Func() uintptr                { return funcname.PC(c.fs[0]) }

// plainCall is one function without a result, of a caller whose ctx says nothing:
// the job that costs no allocation. What it is given is the pool's own ctx.
type plainCall func(context.Context)

func (f plainCall) run(w *worker) {
	f(w.p.life.Context())
	w.returned++
}

func (f plainCall) unwound(w *worker, recovered any) { w.callFailed(f, recovered) }
func (plainCall) expire()                            {}
func (plainCall) refuse(error) bool                  { return true }
func (plainCall) over() bool                         { return false }
func (plainCall) drop()                              {}
func (f plainCall) Func() uintptr                    { return funcname.PC(f) }

// callAll calls fs one after the other, whatever ends each of them.
func (w *worker) callAll(ctx context.Context, fs []func(context.Context)) {
	defer func() {
		if len(fs) > 0 { // a Goexit: the goroutine ends once all its deferred functions have
			w.callAll(ctx, fs)
		}
	}()
	for len(fs) > 0 {
		f := fs[0]
		fs = fs[1:]
		w.call(ctx, f)
	}
}

// call calls f, with nobody to tell how it ended.
func (w *worker) call(ctx context.Context, f func(context.Context)) {
	returned := false
	defer func() {
		if !returned {
			w.callFailed(f, recover())
		}
	}()
	f(ctx)
	returned = true
	w.returned++
}

// callFailed takes note of a call that did not return. recovered is nil for a
// Goexit.
func (w *worker) callFailed(f func(context.Context), recovered any) {
	p := w.p
	p.failed.Add(1)
	if recovered != nil {
		p.panicked.Add(1)
		p.log().Error("threadpool: job panicked", "pool", p.cfg.Name, "job", funcname.Describe(funcname.PC(f)), "panic", eventual.Recovered(recovered))
	}
}
