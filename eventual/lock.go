package eventual

import (
	"errors"
	"fmt"
	"slices"
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

// Semaphore is a [Lock] with n holders. Make one with [NewSemaphore].
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
func (s *Semaphore) Acquire() *Deferred[struct{}] { return s.line.acquire(s.n) }

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
	waiting []*Deferred[struct{}]
}

func (l *line) acquire(tokens int) *Deferred[struct{}] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held < tokens {
		l.held++
		return Succeed(struct{}{})
	}
	d := NewDeferred(l.leave)
	l.waiting = append(l.waiting, d)
	return d
}

// leave is the canceller of a waiter.
func (l *line) leave(d *Deferred[struct{}]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, d); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
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
		if len(l.waiting) == 0 {
			l.held--
			continue
		}
		next := l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
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
