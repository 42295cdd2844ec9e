package eventual

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"time"
)

// Latest is the latest value of something that changes: a rate, a price, a
// status. One side sets it, any number of others load it, ask for the next
// change or watch. A writer never waits for a reader. The zero value is ready
// and has no value yet. A Latest must not be copied after first use.
type Latest[T any] struct {
	mu     sync.Mutex // guards all that follows; nothing is called under it
	value  T
	at     time.Time
	set    bool
	next   *Result[T] // what Next gave out for the coming change; nil until asked for
	settle func(T, error) bool
}

// Set makes v the latest value, as of now, and wakes those who wait for a
// change.
func (l *Latest[T]) Set(v T) {
	l.mu.Lock()
	l.value, l.at, l.set = v, time.Now(), true
	settle := l.settle
	l.next, l.settle = nil, nil
	l.mu.Unlock()
	if settle != nil {
		settle(v, nil)
	}
}

// Load returns the latest value and when it was set. Before the first Set ok is
// false.
func (l *Latest[T]) Load() (v T, at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.at, l.set
}

// Next returns a result for the next change: the value of the first Set after
// this call. It is shared by all who ask before that Set, so cancelling it has
// no effect; bound the wait instead.
func (l *Latest[T]) Next() *Result[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nextLocked()
}

func (l *Latest[T]) nextLocked() *Result[T] {
	if l.next == nil {
		l.next, l.settle = New[T](nil)
	}
	return l.next
}

// Watch yields the current value, if there is one, and then each change until
// ctx is done or the loop is left. A watcher that is slower than the writer
// skips to the newest value; it never sees an old one again. The loop's body
// runs on the calling goroutine. That cannot be a reactor's, which must not wait:
// there Watch yields the current value, logs why it goes no further and ends. A
// coroutine awaits [Latest.Next] instead.
func (l *Latest[T]) Watch(ctx context.Context) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			l.mu.Lock()
			v, set, next := l.value, l.set, l.nextLocked()
			l.mu.Unlock()
			if set && !yield(v) {
				return
			}
			if _, err := next.WaitContext(ctx); err != nil {
				if errors.Is(err, ErrWaitInReactor) || ctx == nil {
					slog.Error("eventual: Latest.Watch ended", "error", err)
				}
				return
			}
		}
	}
}
