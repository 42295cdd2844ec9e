package eventual

import (
	"context"
	"sync/atomic"
	"time"
)

// Lifetime is the life of a component that runs work: it ends when the component
// stops, and with it the ctx of all its work.
type Lifetime struct {
	component string
	ctx       context.Context
	cancel    context.CancelCauseFunc
	held      atomic.Bool
}

// NewLifetime begins the life of component, named as in its error messages:
// "reactor rates".
func NewLifetime(component string) *Lifetime {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Lifetime{component: component, ctx: ctx, cancel: cancel}
}

// Hold says that the component is not started yet and only queues work. A wait
// for that work which is up gives [ErrNotStarted] then.
func (l *Lifetime) Hold() { l.held.Store(true) }

// Begin says that the component is started.
func (l *Lifetime) Begin() { l.held.Store(false) }

// End ends it: the ctx of all work of the component is cancelled with cause.
func (l *Lifetime) End(cause error) { l.cancel(cause) }

// Context is done when the life has ended.
func (l *Lifetime) Context() context.Context { return l.ctx }

// workContext is the ctx of one piece of work. It has its parent's values and
// deadline, and is done when the parent is, when the work is cancelled, when the
// component that runs it stops, and when the work has ended. Until somebody asks
// for Done that costs nothing but this struct; then a context of the standard
// library takes over.
//
// It is allocated apart from the result, so that a result that is kept does not
// keep the caller's values.
type workContext struct {
	inner    atomic.Pointer[innerContext]
	lifetime *Lifetime        // may be nil
	parent   *context.Context // nil for one that is Plain, of which a Room has no need
}

// derive returns a ctx that derives from parent, with what that takes in the same
// allocation.
func derive(parent context.Context, lifetime *Lifetime) *workContext {
	c := &struct {
		workContext
		parent context.Context
	}{parent: parent}
	c.workContext.parent, c.lifetime = &c.parent, lifetime
	return &c.workContext
}

func (c *workContext) up() context.Context {
	if c.parent == nil {
		return context.Background()
	}
	return *c.parent
}

type innerContext struct {
	context.Context
	cancel context.CancelCauseFunc
	detach func() bool // from the lifetime; may be nil
}

// ended takes the place of an inner context that was never made when the work is
// over.
var ended = func() *innerContext {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(nil)
	return &innerContext{Context: ctx, cancel: cancel}
}()

func (c *workContext) Deadline() (time.Time, bool) { return c.up().Deadline() }

func (c *workContext) Done() <-chan struct{} { return c.materialize().Done() }

func (c *workContext) Err() error {
	if inner := c.inner.Load(); inner != nil {
		return inner.Err()
	}
	if c.lifetime != nil && c.lifetime.ctx.Err() != nil {
		return c.materialize().Err()
	}
	if c.parent == nil {
		return nil
	}
	return (*c.parent).Err()
}

// orphaned reports whether what c derives from has ended.
func (c *workContext) orphaned() bool {
	return c.lifetime != nil && c.lifetime.ctx.Err() != nil || c.parent != nil && (*c.parent).Err() != nil
}

// Value asks the inner context once there is one, so that context.Cause finds
// its cause and contexts derived from this one register with it directly.
func (c *workContext) Value(key any) any {
	if inner := c.inner.Load(); inner != nil && inner != ended {
		return inner.Value(key)
	}
	return c.up().Value(key)
}

// materialize returns the standard context behind c, making it the first time.
func (c *workContext) materialize() *innerContext {
	if inner := c.inner.Load(); inner != nil {
		return inner
	}
	ctx, cancel := context.WithCancelCause(c.up())
	inner := &innerContext{Context: ctx, cancel: cancel}
	if c.lifetime != nil {
		life := c.lifetime.ctx
		inner.detach = context.AfterFunc(life, func() { cancel(context.Cause(life)) })
		if life.Err() != nil { // AfterFunc tells it from a goroutine of its own, which may come late
			cancel(context.Cause(life))
		}
	}
	if !c.inner.CompareAndSwap(nil, inner) {
		inner.release()
		return c.inner.Load()
	}
	return inner
}

func (c *workContext) cancel(cause error) { c.materialize().cancel(cause) }

// end is called when the work is over: nothing stays registered anywhere.
func (c *workContext) end() {
	if c.inner.CompareAndSwap(nil, ended) {
		return
	}
	if inner := c.inner.Load(); inner != ended {
		inner.release()
	}
}

func (i *innerContext) release() {
	if i.detach != nil {
		i.detach()
	}
	i.cancel(nil)
}
