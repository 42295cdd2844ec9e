package eventual

import (
	"container/list"
	"errors"
	"sync"
)

var (
	// ErrQueueOverflow says that a Queue holds as many values as it may.
	ErrQueueOverflow = errors.New("eventual: queue overflow")
	// ErrQueueUnderflow says that as many callers wait for values of a Queue as
	// may.
	ErrQueueUnderflow = errors.New("eventual: queue underflow")
)

// Queue hands values from those who put them to those who get them, both in the
// order in which they came. Nobody blocks: to get is a Deferred. The zero value
// is an empty queue without bounds. It is Twisted's DeferredQueue.
type Queue[T any] struct {
	Size    int // values that may wait; 0: any number. Not to be changed after first use
	Backlog int // callers that may wait; 0: any number. Not to be changed after first use

	mu      sync.Mutex // guards what follows; no Deferred is fired under it
	values  list.List  // of T
	waiting waitList[T]
}

// Put hands v to the first who waits, or keeps it. It returns [ErrQueueOverflow]
// if Size values are kept already.
func (q *Queue[T]) Put(v T) error {
	for {
		q.mu.Lock()
		next := q.waiting.first()
		if next == nil {
			defer q.mu.Unlock()
			if q.Size > 0 && q.values.Len() >= q.Size {
				return ErrQueueOverflow
			}
			q.values.PushBack(v)
			return nil
		}
		q.mu.Unlock()
		if next.give(v) {
			return nil
		}
	}
}

// Get returns a Deferred that fires with the next value. Cancelling it takes the
// caller out of the line. It has failed with [ErrQueueUnderflow] if Backlog
// callers wait already.
func (q *Queue[T]) Get() *Deferred[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if front := q.values.Front(); front != nil {
		v, _ := q.values.Remove(front).(T) // a nil of an interface type is no T to the assertion
		return Succeed(v)
	}
	if q.Backlog > 0 && q.waiting.ds.Len() >= q.Backlog {
		return Fail[T](ErrQueueUnderflow)
	}
	return q.waiting.join(&q.mu)
}
