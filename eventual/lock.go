package eventual

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
)

// ErrNotHeld says that a Lock or Semaphore was released more often than it was
// acquired.
var ErrNotHeld = errors.New("eventual: release of what is not held")

// Lock lets one holder at a time go on, the others in the order in which they
// came. What it guards spans callbacks, so nobody blocks: to acquire it is a
// Deferred. The zero value is a free lock.
type Lock struct{ line line }

// Acquire returns a Deferred that fires when the caller holds the lock.
// Cancelling it takes the caller out of the line.
func (l *Lock) Acquire() *Deferred[struct{}] { return l.line.acquire(1) }

// Release hands the lock to the next in line. It returns [ErrNotHeld] if nobody
// holds it.
func (l *Lock) Release() error { return l.line.release() }

// Semaphore is a [Lock] with n holders. Make one with [NewSemaphore]: the zero
// value has no tokens, and Acquire of it fails.
type Semaphore struct {
	n    int
	line line
}

// NewSemaphore returns a Semaphore of n tokens, at least 1.
func NewSemaphore(n int) (*Semaphore, error) {
	if n < 1 {
		return nil, fmt.Errorf("eventual: semaphore of %d tokens, want at least 1", n)
	}
	return &Semaphore{n: n}, nil
}

// Acquire returns a Deferred that fires when the caller holds a token.
// Cancelling it takes the caller out of the line.
func (s *Semaphore) Acquire() *Deferred[struct{}] {
	if s.n < 1 {
		return Fail[struct{}](errNoTokens)
	}
	return s.line.acquire(s.n)
}

var errNoTokens = errors.New("eventual: Acquire of a semaphore that NewSemaphore did not make")

// Release hands a token to the next in line. It returns [ErrNotHeld] if none is
// held.
func (s *Semaphore) Release() error { return s.line.release() }

// Locker is a [Lock] or a [Semaphore].
type Locker interface {
	Acquire() *Deferred[struct{}]
	Release() error
}

// Run acquires l, calls f, and releases l when the Deferred that f returns has
// fired, with a value or a failure, or when f panics. It gives that outcome.
func Run[T any](l Locker, f func() *Deferred[T]) *Deferred[T] {
	return Chain(l.Acquire(), func(struct{}) *Deferred[T] {
		d, err := call(func() (*Deferred[T], error) { return f(), nil }, func(error) { _ = l.Release() })
		if err == nil && d == nil {
			err = errNilDeferred
		}
		if err != nil {
			d = Fail[T](err)
		}
		return d.AddBoth(func(v T, err error) (T, error) {
			if released := l.Release(); released != nil {
				err = errors.Join(err, released)
			}
			return v, err
		})
	})
}

// line is who holds and who waits. A token given to a waiter never was free in
// between, so nobody who comes later can take it.
type line struct {
	mu      sync.Mutex // guards what follows; no Deferred is fired under it
	held    int        // tokens that holders have, those owed included
	owed    int        // tokens given back and not yet given on
	telling bool       // a release is telling waiters
	waiting waitList[struct{}]
}

func (l *line) acquire(tokens int) *Deferred[struct{}] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held < tokens {
		l.held++
		return Succeed(struct{}{})
	}
	return l.waiting.join(&l.mu)
}

// release gives one token on.
func (l *line) release() error {
	l.mu.Lock()
	if l.held == l.owed {
		l.mu.Unlock()
		return ErrNotHeld
	}
	l.owed++
	l.mu.Unlock()
	l.tell()
	return nil
}

// tell gives the tokens that are owed to those in line. A waiter that releases
// while it is told, as it does when its work is done at once, leaves the next to
// the call that tells it: a long line needs no deep stack.
func (l *line) tell() {
	l.mu.Lock()
	if l.telling {
		l.mu.Unlock()
		return
	}
	l.telling = true
	finished := false
	defer func() {
		if !finished { // a callback ended this goroutine; the others are told all the same
			l.mu.Lock()
			l.telling = false
			l.mu.Unlock()
			l.tell()
		}
	}()
	for l.owed > 0 {
		l.owed--
		next := l.waiting.first()
		if next == nil {
			l.held--
			continue
		}
		l.mu.Unlock()
		taken := next.give(struct{}{})
		l.mu.Lock()
		if !taken {
			l.owed++
		}
	}
	l.telling, finished = false, true
	l.mu.Unlock()
}

// waitList holds Deferreds in the order in which they came. Joining, leaving and
// taking the first cost the same however long it is. It is guarded by the mutex of
// what it is part of.
type waitList[T any] struct{ ds list.List }

// join returns a new Deferred at the end of the list. Its canceller takes it out,
// under mu, which the caller holds.
func (w *waitList[T]) join(mu *sync.Mutex) *Deferred[T] {
	var place *list.Element
	d := NewDeferred(func(*Deferred[T]) {
		mu.Lock()
		defer mu.Unlock()
		w.ds.Remove(place) // does nothing if it was taken
	})
	place = w.ds.PushBack(d)
	return d
}

// first takes out the first, or returns nil.
func (w *waitList[T]) first() *Deferred[T] {
	front := w.ds.Front()
	if front == nil {
		return nil
	}
	return w.ds.Remove(front).(*Deferred[T])
}
