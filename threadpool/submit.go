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
	j := newJob(ctx, p, fn)
	if err := p.submit(ctx, j); err != nil {
		j.refuse(err)
	}
	return j.Result()
}

// CallInThread has f called by a worker of p. It returns an error if f is not
// accepted, as DeferToThread does. Nobody waits for f: its panic is logged.
func (p *Pool) CallInThread(ctx context.Context, f func(context.Context)) error {
	if err := p.check("CallInThread", ctx == nil, f == nil); err != nil {
		return err
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
	entry
	accepted chan error // one slot: nil, or why not
}

// submit puts t into the queue and sees to it that somebody takes it out.
func (p *Pool) submit(ctx context.Context, t task) error {
	p.mu.Lock()
	if p.state >= draining {
		p.mu.Unlock()
		return p.errStopped
	}
	if p.fullLocked() {
		if p.sweepAndUnlock() {
			return p.submit(ctx, t)
		}
		if !p.cfg.BlockWhenFull {
			p.mu.Unlock()
			return fmt.Errorf("%s: %w: %d jobs wait", p.component, ErrQueueFull, p.cfg.QueueLimit)
		}
		s := &sender{entry: p.entry(ctx, t), accepted: make(chan error, 1)}
		p.senders = append(p.senders, s)
		p.mu.Unlock()
		return p.waitForRoom(ctx, s)
	}
	w := p.enqueueLocked(p.entry(ctx, t))
	p.mu.Unlock()
	if w != nil {
		w.wake()
	}
	return nil
}

// fullLocked: those who wait for room have it before those who come.
func (p *Pool) fullLocked() bool {
	return p.cfg.QueueLimit > 0 && (len(p.senders) > 0 || !p.roomLocked())
}

// roomLocked reports whether the queue has room. A job that a worker is on its way
// for does not wait; one that a worker has taken with others, and not begun, does.
func (p *Pool) roomLocked() bool { return p.waitingLocked() < p.cfg.QueueLimit+p.coming }

// sweepAlways is how long a full queue may be that is searched each time.
const sweepAlways = 8

// sweepAndUnlock takes the jobs out of a full queue that will not be started,
// because their callers have given up. It reports whether there were any; if there
// were not it leaves mu locked, and the next look at a long queue is so far off that
// a refusal costs one job looked at.
func (p *Pool) sweepAndUnlock() (swept bool) {
	if p.sweepIn > 0 {
		p.sweepIn--
		return false
	}
	p.recallLocked()
	dead := p.queue.removeDead()
	if len(dead) == 0 {
		p.sweepIn = p.queue.len() - sweepAlways
		return false
	}
	wake := p.feedLocked()
	p.mu.Unlock()
	wakeAll(wake)
	for _, e := range dead {
		e.task.refuse(e.dead())
	}
	return true
}

// waitingLocked is how many jobs have not begun.
func (p *Pool) waitingLocked() int { return p.queue.len() + int(p.spare.Load()) }

// enqueueLocked also gives a free slot to a worker, which is to be woken.
func (p *Pool) enqueueLocked(e entry) (wake *worker) {
	p.pushLocked(e)
	wake, _ = p.dispatchLocked()
	return wake
}

func (p *Pool) entry(ctx context.Context, t task) entry {
	e := entry{task: t, by: park.ID()}
	if p.cfg.QueueLimit > 0 && ctx.Done() != nil {
		e.ctx = ctx
	}
	return e
}

func (p *Pool) pushLocked(e entry) {
	if p.queue.pushed%16 == 0 {
		e.at = max(p.clock(), 1)
	}
	p.queue.push(e)
	p.queuedMax = max(p.queuedMax, p.waitingLocked())
	p.watchSlowLocked()
}

// admitLocked lets those who wait into the queue as there is room: once there is
// room for an eighth of a long queue, since waking one after each job costs more
// than the job, and the workers have enough to do.
func (p *Pool) admitLocked() {
	if p.waitingLocked() > p.cfg.QueueLimit-p.cfg.QueueLimit/8+p.coming {
		return
	}
	for len(p.senders) > 0 && p.roomLocked() {
		s := p.senders[0]
		p.senders[0] = nil
		p.senders = p.senders[1:]
		p.pushLocked(s.entry)
		s.accepted <- nil // has a slot, and is sent to once
	}
}

// waitForRoom parks the submitter. On a reactor's goroutine that is refused, and a
// worker of this pool lends its slot meanwhile.
func (p *Pool) waitForRoom(ctx context.Context, s *sender) error {
	resume, err := park.Before(s.by, nil)
	if err == nil {
		if resume != nil {
			defer resume()
		}
		select {
		case err := <-s.accepted:
			return err
		case <-ctx.Done():
			err = p.errorf("%w, and no room in time: %w", ErrQueueFull, context.Cause(ctx))
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
