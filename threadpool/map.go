package threadpool

import (
	"context"
	"errors"
	"iter"

	"github.com/trestle-go/trestle/eventual"
)

// Map has fn called on p with each value of seq, several at once, and yields the
// results in the order of seq. At most Max values are ahead of the one that is
// yielded, so seq may be endless. seq is run by the goroutine that ranges over
// the result, which also waits there; it may be a worker of p.
//
// Leaving the loop early cancels what was begun. When ctx ends, the next result that
// is not there fails with its cause, and Map ends. A job that a full queue refuses
// is a result that is ErrQueueFull.
func Map[T, U any](ctx context.Context, p *Pool, seq iter.Seq[T], fn func(context.Context, T) (U, error)) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		if err := p.check("Map", ctx == nil, seq == nil || fn == nil); err != nil {
			var zero U
			yield(zero, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m := mapping[U]{ctx: ctx, yield: yield}
		defer m.abandon()
		for v := range seq {
			m.ahead = append(m.ahead, DeferToThread(ctx, p, func(ctx context.Context) (U, error) { return fn(ctx, v) }))
			for len(m.ahead) >= p.window() {
				if !m.next() {
					return
				}
			}
		}
		for len(m.ahead) > 0 && m.next() {
		}
	}
}

// mapping is a Map under way.
type mapping[U any] struct {
	ctx   context.Context
	yield func(U, error) bool
	ahead []*eventual.Result[U] // not yet yielded, the oldest in front
}

// next yields the oldest result; it reports whether there are to be more.
func (m *mapping[U]) next() bool {
	u, err := m.ahead[0].WaitContext(m.ctx)
	if err == nil {
		m.ahead[0] = nil
		m.ahead = m.ahead[1:]
		return m.yield(u, nil)
	}
	if m.ctx.Err() != nil && errors.Is(err, context.Cause(m.ctx)) {
		m.yield(u, err)
		return false
	}
	m.ahead = m.ahead[1:]
	return m.yield(u, err)
}

// abandon cancels what is left, and looks at how it ends, since nobody else will.
func (m *mapping[U]) abandon() {
	for _, r := range m.ahead {
		r.Cancel()
		r.OnDone(func() { r.Peek() })
	}
}

// window is how many jobs keep the pool busy.
func (p *Pool) window() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit := p.cfg.QueueLimit; limit > 0 {
		return min(p.max, limit)
	}
	return p.max
}
