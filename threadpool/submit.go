package threadpool

import (
	"context"
	"fmt"
	"slices"

	"github.com/trestle-go/trestle/eventual"
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
	j, res := newJob(ctx, p, fn)
	if err := p.submit(ctx, j); err != nil {
		entry{task: j}.refuse(err)
	}
	return res
}

// CallInThread has f called by a worker of p. It returns an error if f is not
// accepted, as DeferToThread does. Nobody waits for f: its panic is logged. The ctx
// of f ends with f; if ctx is context.Background(), it is the pool's own, which ends
// only with a Stop that runs out of time.
func (p *Pool) CallInThread(ctx context.Context, f func(context.Context)) error {
	if err := p.check("CallInThread", ctx == nil, f == nil); err != nil {
		return err
	}
	if eventual.Plain(ctx) {
		return p.submit(ctx, plainCall(f))
	}
	c := &calls{p: p, ctx: ctx, one: [1]func(context.Context){f}}
	c.fs = c.one[:]
	c.InitIn(&c.room, &c.ctx, p.life, c)
	return p.submit(ctx, c)
}

// CallMultipleInThread has fs called by one worker of p, one after the other in
// the same job. A panic or runtime.Goexit ends only the function that it is of.
func (p *Pool) CallMultipleInThread(ctx context.Context, fs ...func(context.Context)) error {
	if err := p.check("CallMultipleInThread", ctx == nil, slices.ContainsFunc(fs, func(f func(context.Context)) bool { return f == nil })); err != nil {
		return err
	}
	if len(fs) == 0 {
		return nil
	}
	c := &calls{p: p, ctx: ctx, fs: fs}
	c.InitIn(&c.room, &c.ctx, p.life, c)
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
	j, res := newJob(ctx, p, fn)
	// The callback runs where the result is settled: on the worker that ran fn.
	res.OnDone(func() {
		o, _ := res.Peek()
		onResult(o.Value, o.Err)
	})
	return p.submit(ctx, j) // a job that was not accepted is never settled
}

func (p *Pool) check(op string, noCtx, noFn bool) error {
	switch {
	case p == nil:
		return fmt.Errorf("threadpool: %s: nil pool", op)
	case noCtx:
		return p.errorf("%s: nil ctx", op)
	case noFn:
		return p.errorf("%s: nil function", op)
	}
	return nil
}

// submit puts t into the queue and sees to it that somebody takes it out.
func (p *Pool) submit(ctx context.Context, t task) error {
	p.mu.Lock()
	if p.state >= draining {
		p.mu.Unlock()
		return p.errStopped
	}
	if p.fullLocked() {
		return p.submitToFull(ctx, t)
	}
	w := p.enqueueLocked(t)
	p.mu.Unlock()
	if w != nil && w.wake() {
		if j, ok := t.(interface{ rousedFor() }); ok {
			j.rousedFor()
		}
	}
	return nil
}

// enqueueLocked also sends a worker, which is to be woken, unless one that is about
// to look will send for others itself.
func (p *Pool) enqueueLocked(t task) (wake *worker) {
	p.pushLocked(entry{task: t, by: park.ID()})
	if p.prompt == 0 {
		wake, _ = p.dispatchLocked()
	} else {
		p.ringLocked()
	}
	return wake
}

// timedEvery says which jobs are timed: reading the clock costs more than a short
// job does.
const timedEvery = 64

func (p *Pool) pushLocked(e entry) {
	if p.queue.pushed%timedEvery == 0 {
		e.at = max(p.clock(), 1)
	}
	p.queue.push(e)
	p.watchSlowLocked()
}

// waitingLocked is how many jobs have not begun.
func (p *Pool) waitingLocked() int { return p.queue.len() + p.sparesLocked() }
