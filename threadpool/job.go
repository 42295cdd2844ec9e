package threadpool

import (
	"context"
	"sync/atomic"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
)

// job is a function with a result.
type job[T any] struct {
	eventual.Promise[T]
	p  *Pool
	fn func(context.Context) (T, error) // dropped when it has run: the result may be kept
	// revoked: its result was cancelled, after which it is not started. It may run.
	revoked atomic.Bool
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

func (j *job[T]) run() {
	ctx, ok := j.Begin()
	if !ok {
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
		}
	}()
	v, err := j.fn(ctx)
	returned = true
	if err != nil {
		j.p.failed.Add(1)
	} else {
		j.p.succeeded.Add(1)
	}
	j.Settle(v, err)
}

// Cancel is where the result's Cancel goes.
func (j *job[T]) Cancel() {
	j.Promise.Cancel()
	j.revoked.Store(true)
}

func (j *job[T]) canceled() bool               { return j.revoked.Load() }
func (j *job[T]) drop()                        { j.fn = nil }
func (j *job[T]) pool() *Pool                  { return j.p }
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

func (c *calls) run() {
	ctx, ok := c.Begin()
	if !ok {
		return
	}
	defer c.Settle(struct{}{}, nil) // ends the ctx
	for _, f := range c.fs {
		c.call(ctx, f)
	}
}

func (c *calls) call(ctx context.Context, f func(context.Context)) {
	returned := false
	defer func() {
		if returned {
			c.p.succeeded.Add(1)
			return
		}
		c.p.failed.Add(1)
		if v := recover(); v != nil {
			c.p.panicked.Add(1)
			c.p.log().Error("threadpool: job panicked", "pool", c.p.cfg.Name, "job", funcname.Describe(funcname.PC(f)), "panic", eventual.Recovered(v))
		}
	}()
	f(ctx)
	returned = true
}

// refuse has nobody to tell; the Promise's own end would be reported as a failure
// that nobody looked at.
func (c *calls) refuse(error) bool            { return c.Settle(struct{}{}, nil) }
func (c *calls) canceled() bool               { return false } // nobody can
func (c *calls) drop()                        {}               // nobody keeps it
func (c *calls) Lifetime() *eventual.Lifetime { return c.p.life }
func (c *calls) Func() uintptr                { return funcname.PC(c.fs[0]) }
