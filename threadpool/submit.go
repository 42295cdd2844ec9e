package threadpool

import (
	"context"
	"fmt"
	"slices"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
	"github.com/trestle-go/trestle/internal/park"
)

// DeferToThread has fn called by a worker of p and returns at once with the result
// that fn will give: Twisted's deferToThread. The ctx of fn derives from ctx and is
// cancelled by the result's Cancel, and by a Stop of p that runs out of time. fn is
// not called if ctx ends or the result is cancelled before its turn.
//
// The result fails with [ErrQueueFull] when the queue is full, or waits for room
// with Config.BlockWhenFull, and with [eventual.ErrStopped] once p has stopped.
func DeferToThread[T any](ctx context.Context, p *Pool, fn func(context.Context) (T, error)) *eventual.Result[T] {
	if err := p.check("DeferToThread", ctx == nil, fn == nil); err != nil {
		return eventual.Failed[T](err)
	}
	j := newJob(ctx, p, fn)
	if err := p.submit(ctx, j); err != nil {
		j.refuse(err)
	}
	return j.Result()
}

// CallInThread has f called by a worker of p. It returns an error if f is not
// accepted, as DeferToThread does. Nobody waits for f: its panic is logged. If ctx is
// context.Background(), the ctx of f is the pool's own, which ends only with a Stop
// that runs out of time; else it ends with f.
func (p *Pool) CallInThread(ctx context.Context, f func(context.Context)) error {
	if err := p.check("CallInThread", ctx == nil, f == nil); err != nil {
		return err
	}
	if eventual.Plain(ctx) {
		return p.submit(ctx, plainCall(f))
	}
	c := &calls{p: p, one: [1]func(context.Context){f}}
	c.fs = c.one[:]
	c.InitIn(&c.room, ctx, c) // nobody holds a result that could keep ctx alive
	return p.submit(ctx, c)
}

// CallMultipleInThread has fs called by one worker of p, one after the other in
// the same job. A panic ends only the function that panicked.
func (p *Pool) CallMultipleInThread(ctx context.Context, fs ...func(context.Context)) error {
	if err := p.check("CallMultipleInThread", ctx == nil, slices.ContainsFunc(fs, func(f func(context.Context)) bool { return f == nil })); err != nil {
		return err
	}
	if len(fs) == 0 {
		return nil
	}
	c := &calls{p: p, fs: fs}
	c.InitIn(&c.room, ctx, c)
	return p.submit(ctx, c)
}

// CallInThreadWithCallback has fn called by a worker of p, and onResult with what
// it gave by the same worker, or, if fn is never called, by whoever finds that out,
// with the reason. A panic of onResult is logged. It returns an error if fn is not
// accepted; onResult is not called then.
func CallInThreadWithCallback[T any](ctx context.Context, p *Pool, onResult func(T, error), fn func(context.Context) (T, error)) error {
	if err := p.check("CallInThreadWithCallback", ctx == nil, fn == nil || onResult == nil); err != nil {
		return err
	}
	j := newJob(ctx, p, fn)
	// The callback runs where the result is settled: on the worker that ran fn.
	res := j.Result()
	res.OnDone(func() {
		o, _ := res.Peek()
		onResult(o.Value, o.Err)
	})
	return p.submit(ctx, j) // a job that was not accepted is never settled
}

func (p *Pool) check(op string, noCtx, noFn bool) error {
	switch {
	case noCtx:
		return p.errorf("%s: nil ctx", op)
	case noFn:
		return p.errorf("%s: nil function", op)
	}
	return nil
}

// sender is a submission that waits for room in the queue.
type sender struct {
	task     task
	accepted chan error // one slot: nil, or why not
}

// submit puts t into the queue and sees to it that somebody takes it out.
func (p *Pool) submit(ctx context.Context, t task) error {
	p.mu.Lock()
	if err := p.refusalLocked(); err != nil {
		p.mu.Unlock()
		return err
	}
	if p.fullLocked() {
		if !p.cfg.BlockWhenFull {
			p.mu.Unlock()
			return fmt.Errorf("%s: %w: %d jobs wait", p.component, ErrQueueFull, p.cfg.QueueLimit)
		}
		s := &sender{task: t, accepted: make(chan error, 1)}
		p.senders = append(p.senders, s)
		p.mu.Unlock()
		return p.waitForRoom(ctx, s)
	}
	w := p.enqueueLocked(t)
	p.mu.Unlock()
	if w != nil {
		w.wake()
	}
	return nil
}

// refusalLocked returns why nothing is accepted, if so.
func (p *Pool) refusalLocked() error {
	if p.state >= draining {
		return p.errStopped
	}
	return p.refusing
}

// fullLocked: those who wait for room have it before those who come.
func (p *Pool) fullLocked() bool {
	return p.cfg.QueueLimit > 0 && (p.queue.len() >= p.cfg.QueueLimit || len(p.senders) > 0)
}

// timedEvery says which jobs are timed: reading the clock three times costs more
// than a short job does.
const timedEvery = 64

// enqueueLocked also gives a free slot to a worker, which is to be woken.
func (p *Pool) enqueueLocked(t task) (wake *worker) {
	e := entry{task: t}
	if p.submitted++; p.submitted%timedEvery == 1 {
		e.at = max(p.clock(), 1)
	}
	p.queue.push(e)
	if p.queue.len() > p.lingering {
		wake, _ = p.dispatchLocked()
	}
	p.watchSlowLocked()
	return wake
}

// admitLocked lets those who wait into the queue as there is room.
func (p *Pool) admitLocked() {
	for len(p.senders) > 0 && p.queue.len() < p.cfg.QueueLimit {
		s := p.senders[0]
		p.senders = p.senders[1:]
		p.queue.push(entry{task: s.task})
		s.accepted <- nil // has a slot, and is sent to once
	}
}

// waitForRoom parks the submitter. On a reactor's goroutine that is refused, and a
// worker of this pool lends its slot meanwhile.
func (p *Pool) waitForRoom(ctx context.Context, s *sender) error {
	resume, err := park.Before(park.ID(), nil)
	if err == nil {
		if resume != nil {
			defer resume()
		}
		select {
		case err := <-s.accepted:
			return err
		case <-ctx.Done():
			err = p.errorf("waiting for room in the queue: %w", context.Cause(ctx))
		}
	}
	p.mu.Lock()
	i := slices.Index(p.senders, s)
	if i >= 0 {
		p.senders = slices.Delete(p.senders, i, i+1)
	}
	wake := p.settleLocked()
	p.mu.Unlock()
	wakeAll(wake)
	if i < 0 { // it was accepted, or refused, first
		return <-s.accepted
	}
	return err
}

// job is a function with a result.
type job[T any] struct {
	eventual.Promise[T]
	p  *Pool
	fn func(context.Context) (T, error) // dropped when it ran
}

// newJob makes a job with its ctx in one allocation, where that keeps nothing of
// the caller's alive.
func newJob[T any](ctx context.Context, p *Pool, fn func(context.Context) (T, error)) *job[T] {
	if eventual.Plain(ctx) {
		j := &struct {
			job[T]
			room eventual.Room
		}{job: job[T]{p: p, fn: fn}}
		j.InitIn(&j.room, ctx, &j.job)
		return &j.job
	}
	j := &job[T]{p: p, fn: fn}
	j.Init(ctx, j)
	return j
}

func (j *job[T]) run(w *worker) {
	ctx, ok := j.Begin()
	if !ok {
		j.fn = nil
		return
	}
	returned := false
	defer func() {
		if !returned {
			v := recover()
			j.p.failed.Add(1)
			if v != nil {
				j.p.panicked.Add(1)
			}
			j.Unwound(v)
			j.fn = nil
		}
	}()
	v, err := j.fn(ctx)
	returned = true
	if err != nil {
		j.p.failed.Add(1)
	} else {
		w.succeeded.Add(1)
	}
	j.Settle(v, err)
	j.fn = nil
}

func (j *job[T]) refuse(cause error) bool      { return j.Refuse(cause) }
func (j *job[T]) Lifetime() *eventual.Lifetime { return j.p.life }
func (j *job[T]) Func() uintptr                { return funcname.PC(j.fn) }

// calls are functions without a result.
type calls struct {
	eventual.Promise[struct{}]
	p  *Pool
	fs []func(context.Context)

	room eventual.Room
	one  [1]func(context.Context) // what fs is, if it is one: saves an allocation
}

func (c *calls) run(w *worker) {
	ctx, ok := c.Begin()
	if !ok {
		return
	}
	defer c.Settle(struct{}{}, nil) // ends the ctx
	for _, f := range c.fs {
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

// refuse has nobody to tell; the Promise's own end would be reported as a failure
// that nobody looked at.
func (c *calls) refuse(error) bool            { return c.Settle(struct{}{}, nil) }
func (c *calls) Lifetime() *eventual.Lifetime { return c.p.life }
func (c *calls) Func() uintptr                { return funcname.PC(c.fs[0]) }

// plainCall is one function without a result whose ctx says nothing: the job that
// costs no allocation. What it is given is the pool's own ctx.
type plainCall func(context.Context)

func (f plainCall) run(w *worker)   { w.call(w.p.life.Context(), f) }
func (plainCall) refuse(error) bool { return true }
func (f plainCall) Func() uintptr   { return funcname.PC(f) }
