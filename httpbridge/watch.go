package httpbridge

import (
	"context"
	"errors"
	"iter"
)

// ErrTooSlow says that one who watches a [Stream] is further behind than events are
// kept.
var ErrTooSlow = errors.New("httpbridge: too slow for a stream: what comes next is not kept any more")

// Watch yields the last of the events that are kept, as many as history says, and
// then each that is published, until ctx is done, s is closed or the loop is left.
// One who falls further behind than events are kept gets [ErrTooSlow] last. It is
// for other ways out than [Stream.Handler], such as a WebSocket. The loop's body
// runs on the calling goroutine.
func (s *Stream[T]) Watch(ctx context.Context, history int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := s.enter(history)
		defer s.exit()
		var zero T
		batch := make([]entry[T], 0, batchSize)
		for ctx.Err() == nil {
			var more <-chan struct{}
			var err error
			batch, seen, more, err = s.read(seen, 0, batch[:0])
			switch {
			case errors.Is(err, ErrTooSlow):
				s.tooSlow()
				yield(zero, err)
				return
			case err != nil:
				return
			case len(batch) == 0:
				select {
				case <-more:
				case <-ctx.Done():
				}
			}
			for _, e := range batch {
				if ctx.Err() != nil || !yield(e.value, nil) {
					return
				}
			}
			clear(batch)
		}
	}
}

// enter counts one more who follows s, who begins after the event that it returns.
func (s *Stream[T]) enter(history int) (seen uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Clients++
	return s.newest - uint64(min(len(s.kept), max(history, 0)))
}

func (s *Stream[T]) exit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Clients--
}
