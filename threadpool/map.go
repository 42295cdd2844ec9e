package threadpool

import (
	"context"
	"iter"

	"github.com/trestle-go/trestle/eventual"
)

// Map has fn called on p with each value of seq, several at once, and yields the
// results in the order of seq. At most Max values are ahead of the one that is
// yielded, so seq may be endless. seq is run by the goroutine that ranges over
// the result, which also waits there; it may be a worker of p.
//
// Leaving the loop early cancels what was begun. When ctx ends, what is left
// fails with its cause, and Map ends.
func Map[T, U any](ctx context.Context, p *Pool, seq iter.Seq[T], fn func(context.Context, T) (U, error)) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		if err := p.check("Map", ctx == nil, seq == nil || fn == nil); err != nil {
			var zero U
			yield(zero, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		next, stop := iter.Pull(seq)
		defer stop()
		var ahead []*eventual.Result[U] // the oldest in front
		defer func() {
			for _, r := range ahead {
				r.Cancel()
			}
		}()
		more := true
		for {
			for more && len(ahead) < p.window() {
				var v T
				if v, more = next(); more {
					ahead = append(ahead, DeferToThread(ctx, p, func(ctx context.Context) (U, error) { return fn(ctx, v) }))
				}
			}
			if len(ahead) == 0 {
				return
			}
			u, err := ahead[0].WaitContext(ctx)
			if ended := ctx.Err() != nil; !yield(u, err) || ended {
				return
			}
			ahead = ahead[1:]
		}
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
