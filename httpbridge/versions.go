package httpbridge

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// versions numbers the values of a Latest, as the requests of one handler see it: a
// value that nobody looked at has no number.
type versions[T any] struct {
	l     *eventual.Latest[T]
	epoch string

	mu     sync.Mutex // guards what follows; nothing blocks under it
	next   *eventual.Result[T]
	newest version[T]
}

// version is a value of a Latest.
type version[T any] struct {
	id    eventID // its number is 0 if there is no value yet
	value T
	at    time.Time     // when it was set
	event *encodedEvent // for who needs one
}

// encodedEvent is made by the one who claims it, while others wait for ready.
type encodedEvent struct {
	claimed atomic.Bool
	ready   chan struct{} // closed once frame is there
	frame   []byte        // nil if the value cannot be encoded
}

func newVersions[T any](l *eventual.Latest[T]) *versions[T] {
	epoch := newEpoch()
	return &versions[T]{l: l, epoch: epoch, newest: version[T]{id: eventID{epoch: epoch}}}
}

// look returns the newest value, and what is done when there is a newer one.
func (vs *versions[T]) look() (now version[T], next *eventual.Result[T]) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for vs.next == nil || isDone(vs.next) {
		// In this order, so that what is set in between is not missed.
		vs.next = vs.l.Next()
		if v, at, ok := vs.l.Load(); ok {
			vs.newest = version[T]{
				id: eventID{vs.epoch, vs.newest.id.n + 1}, value: v, at: at,
				event: &encodedEvent{ready: make(chan struct{})},
			}
		}
	}
	return vs.newest, vs.next
}

func isDone[T any](r *eventual.Result[T]) bool {
	_, done := r.Peek()
	return done
}
