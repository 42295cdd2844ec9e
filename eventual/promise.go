package eventual

import (
	"context"
	"fmt"
)

// Work is what a [Promise] knows of the work that it is part of.
type Work interface {
	// Cancel is called by Result.Cancel while the result is pending. Promise has
	// one that suits most work.
	Cancel()
	// Lifetime is that of the component that runs the work; it may be nil.
	Lifetime() *Lifetime
	// Func is the entry of the submitted function, for reports; 0 if unknown.
	Func() uintptr
}

// Promise is the write side of a Result in one allocation with it, for packages
// that run other people's work: embed it in the record of a job, call Init, hand
// out Result, call Run when the job's turn has come. Programs that only want to
// settle a result use [New].
type Promise[T any] struct {
	result Result[T]
}

// Init makes p ready: queued, for the work w, whose ctx derives from ctx. It is
// called once, before anybody else sees p.
func (p *Promise[T]) Init(ctx context.Context, w Work) {
	p.result.owner = w
	_, p.result.assists = w.(assistant)
	p.result.ctx = derive(ctx, w.Lifetime())
}

// Room is space for the ctx of a Promise's work, for a component that wants it in
// the same allocation as the job: see [Promise.InitIn].
type Room struct{ ctx workContext }

// InitIn is Init with the ctx of the work in room, which is part of the record w as p
// is: that saves an allocation. parent points to the ctx that it derives from, in the
// record too, which a result that is kept then keeps; it is nil if that ctx is [Plain].
// life is what the work says that its Lifetime is.
func (p *Promise[T]) InitIn(room *Room, parent *context.Context, life *Lifetime, w Work) {
	room.ctx.parent, room.ctx.lifetime = parent, life
	p.result.owner, p.result.ctx = w, &room.ctx
}

// Lifetime is the one that InitIn was given.
func (r *Room) Lifetime() *Lifetime { return r.ctx.lifetime }

// Plain reports whether ctx is context.Background() or context.TODO(), and so
// without values that a result could keep alive.
func Plain(ctx context.Context) bool {
	return ctx == context.Background() || ctx == context.TODO()
}

// Result returns the read side.
func (p *Promise[T]) Result() *Result[T] { return &p.result }

// Begin claims the right to start the work, and returns the ctx for it. It
// reports false if the work must not be started: its result has ended, because it
// was cancelled in the queue, or because its ctx has ended, with the cause.
func (p *Promise[T]) Begin() (ctx context.Context, ok bool) {
	c, err := p.expired()
	if err != nil {
		p.Refuse(err)
		return nil, false
	}
	return c, p.claim()
}

// BeginIn is Begin for a promise that InitIn has made ready. It takes no lock if
// there is something to begin.
//
// It claims first and looks then whether the ctx may begin: with a look first, the
// record's memory would come from the cache of whoever made it twice, once to be read
// and once to be written. A cancel that came before has left a mark on the state, and
// Begin looks first; one that comes after cancels work that runs.
func (p *Promise[T]) BeginIn(room *Room) (ctx context.Context, ok bool) {
	r := &p.result
	if !r.state.CompareAndSwap(queued, running) {
		return p.Begin()
	}
	if room.ctx.orphaned() {
		var zero T
		r.settle(zero, notStarted(&room.ctx))
		return nil, false
	}
	return &room.ctx, true
}

// claim takes the work out of the queue for the caller to start. When it reports
// false the result has ended: somebody who refuses it meanwhile is waited for.
func (p *Promise[T]) claim() bool {
	r := &p.result
	if r.start() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return false
}

// Expired returns why the work is not to be started although nobody has cancelled
// it: its ctx has ended. It asks that ctx, which may be the caller's code, so it is
// called under no lock.
func (p *Promise[T]) Expired() error {
	_, err := p.expired()
	return err
}

func (p *Promise[T]) expired() (*workContext, error) {
	r := &p.result
	r.mu.Lock()
	c := r.ctx
	r.mu.Unlock()
	if c == nil || c.Err() == nil {
		return c, nil
	}
	return c, notStarted(c)
}

func notStarted(ended *workContext) error {
	_ = ended.Err() // that it has ended is where Cause finds it, from here on
	return fmt.Errorf("eventual: not started: %w", context.Cause(ended))
}

// Settled reports whether the result has ended.
func (p *Promise[T]) Settled() bool { return p.result.isDone() }

// Run begins the work and runs fn on the calling goroutine, and settles the
// result with what it returns, or with the panic or Goexit that ended it. It
// reports whether fn was started. After a Goexit it does not return: the
// goroutine is ending.
func (p *Promise[T]) Run(fn func(context.Context) (T, error)) bool {
	ctx, ok := p.Begin()
	if ok {
		p.Do(ctx, fn)
	}
	return ok
}

// RunIn is Run for a promise that InitIn has made ready, under the terms of SettleIn.
// fn is where the record has the function: it is dropped once it has been run, or
// cannot be any more, because a result may be kept for long.
func (p *Promise[T]) RunIn(room *Room, fn *func(context.Context) (T, error)) bool {
	ctx, ok := p.BeginIn(room)
	if !ok {
		*fn = nil
		return false
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		defer func() { *fn = nil }() // a report of the failure names it
		p.Unwound(recover())
	}()
	v, err := (*fn)(ctx)
	returned = true
	if err == nil {
		*fn = nil
		p.SettleIn(room, v, nil)
		return true
	}
	defer func() { *fn = nil }() // also when whom the result tells ends this goroutine
	p.Settle(v, err)
	return true
}

// Do runs fn as Run does, for work that Begin has claimed.
func (p *Promise[T]) Do(ctx context.Context, fn func(context.Context) (T, error)) {
	returned := false
	defer func() {
		if !returned {
			p.Unwound(recover())
		}
	}()
	v, err := fn(ctx)
	returned = true
	p.Settle(v, err)
}

// Unwound settles the result of work that did not return. recovered is what
// recover gave in the deferred function that noticed, nil for a Goexit.
func (p *Promise[T]) Unwound(recovered any) {
	err := ErrGoexit
	defer func() { // a hook of OnPanic may end this goroutine
		var zero T
		p.Settle(zero, err)
	}()
	if recovered != nil {
		err = Recovered(recovered)
	}
}

// Settle ends the result unless it has ended; it reports whether it did. Work
// that was cancelled and returns just context.Canceled ends with [ErrCanceled],
// which matches it and says who did it.
func (p *Promise[T]) Settle(v T, err error) bool {
	if err == context.Canceled && p.result.state.Load()&canceled != 0 { //nolint:errorlint // only the bare error says nothing more
		err = ErrCanceled
	}
	return p.result.settle(v, err)
}

// SettleIn is Settle for the goroutine that BeginIn has let begin, where nobody else
// settles or aborts the result from then on. It takes no lock if nobody has waited or
// asked for more than a look, and the record is left alone once the value is there:
// whoever waits for it has that memory in its own processor's cache then.
func (p *Promise[T]) SettleIn(room *Room, v T, err error) bool {
	r := &p.result
	if err == nil && !r.isDone() {
		room.ctx.end()
		r.value = v
		if r.state.CompareAndSwap(running, succeeded) {
			return true
		}
	}
	return p.Settle(v, err)
}

// Cancel is the usual answer to Result.Cancel: work that was not started ends
// here with [ErrCanceled], work that runs has its ctx cancelled with it.
func (p *Promise[T]) Cancel() {
	p.result.mark(watched) // so that BeginIn leaves it to Begin
	p.cancelContext(ErrCanceled)
	p.Refuse(ErrCanceled)
}

// Refuse ends the result with cause if the work was not started, and reports
// whether it did: for a component that stops and lets run what runs.
func (p *Promise[T]) Refuse(cause error) bool {
	r := &p.result
	r.mu.Lock()
	if !r.start() { // nobody else can from here on
		r.mu.Unlock()
		return false
	}
	after := r.finishLocked(cause)
	r.mu.Unlock()
	after.run()
	return true
}

// Abort ends the result with cause, started or not, and cancels the ctx of the
// work with it. A component that stops does this to what it cannot finish.
func (p *Promise[T]) Abort(cause error) {
	p.cancelContext(cause)
	var zero T
	p.Settle(zero, cause)
}

func (p *Promise[T]) cancelContext(cause error) {
	p.result.mu.Lock()
	ctx := p.result.ctx
	p.result.mu.Unlock()
	if ctx != nil {
		ctx.cancel(cause)
	}
}

// cancelFunc is the Work of a Result that New made.
type cancelFunc func()

func (f cancelFunc) Cancel()           { contain(f) }
func (cancelFunc) Lifetime() *Lifetime { return nil }
func (cancelFunc) Func() uintptr       { return 0 }
