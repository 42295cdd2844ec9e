package eventual

import (
	"container/list"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

var (
	// ErrExpiredID says that the result under an id was dropped, because it was
	// not retrieved in time or to make room. It matches [ErrUnknownID] too.
	ErrExpiredID error = expiredError{}
	// ErrStashFull says that a Stash holds as many results as it may and all of
	// them are pending.
	ErrStashFull = errors.New("eventual: stash is full of pending results")
	// ErrStashClosed says that a Stash takes nothing any more.
	ErrStashClosed = errors.New("eventual: stash is closed")
)

type expiredError struct{}

func (expiredError) Error() string        { return "eventual: id has expired" }
func (expiredError) Is(target error) bool { return target == ErrUnknownID }

const (
	defaultStashTTL = time.Hour
	defaultStashMax = 10_000
)

// Stash keeps results for those who come back for them later, such as the next
// request of a browser: crochet's stash and retrieve_result. Each id retrieves its
// result once. The zero value is ready; it must not be copied after first use.
//
// Results that end are kept for TTL. When Max results are held, the one that
// ended first makes room, which is logged; pending ones are never dropped. There
// is no goroutine: what has expired goes with the next call.
type Stash[T any] struct {
	TTL time.Duration // how long a result is kept once it has ended. Zero: an hour. Not to be changed after first use
	Max int           // how many are held. Zero: 10,000. Not to be changed after first use

	mu       sync.Mutex // guards all that follows; nothing is called under it
	entries  map[string]*stashed[T]
	held     int       // entries that have their result
	finished list.List // of *stashed with their result, the first to end in front
	expired  list.List // of *stashed without, kept for another TTL to tell them from unknown ones
	closed   bool
}

type stashed[T any] struct {
	id, owner string
	result    *Result[T]    // nil once expired
	until     time.Time     // when it moves on: from finished to expired, and from there out
	place     *list.Element // in finished or expired; nil while pending
}

// Put keeps r and returns the id under which it can be retrieved: 128 random
// bits that nobody guesses. It fails with [ErrStashFull] or [ErrStashClosed].
func (s *Stash[T]) Put(r *Result[T]) (id string, err error) { return s.PutFor("", r) }

// PutFor is Put for an owner: only [Stash.RetrieveFor] with that owner finds r.
func (s *Stash[T]) PutFor(owner string, r *Result[T]) (id string, err error) {
	if r == nil {
		return "", errors.New("eventual: Stash.Put: nil result")
	}
	e := &stashed[T]{id: newID(), owner: owner, result: r}
	evicted, err := s.insert(e)
	if evicted != "" {
		slog.Warn("eventual: stash dropped its oldest finished result to make room", "max", s.limit())
	}
	if err != nil {
		return "", err
	}
	r.OnDone(func() { s.ended(e) })
	return e.id, nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: the program ends if the system has no randomness
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *Stash[T]) limit() int {
	if s.Max <= 0 {
		return defaultStashMax
	}
	return s.Max
}

func (s *Stash[T]) ttl() time.Duration {
	if s.TTL <= 0 {
		return defaultStashTTL
	}
	return s.TTL
}

func (s *Stash[T]) insert(e *stashed[T]) (evicted string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", ErrStashClosed
	}
	now := time.Now()
	s.sweepLocked(now)
	if s.held >= s.limit() {
		oldest := s.finished.Front()
		if oldest == nil {
			return "", fmt.Errorf("%w: %d", ErrStashFull, s.held)
		}
		victim := s.expireLocked(oldest, now)
		evicted = victim.id
	}
	if s.entries == nil {
		s.entries = make(map[string]*stashed[T])
	}
	s.entries[e.id] = e
	s.held++
	return evicted, nil
}

// ended is called when the result of e is done.
func (s *Stash[T]) ended(e *stashed[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[e.id] == e && e.place == nil {
		e.until = time.Now().Add(s.ttl())
		e.place = s.finished.PushBack(e)
	}
}

// sweepLocked moves on what has expired. Both lists are in the order of until.
func (s *Stash[T]) sweepLocked(now time.Time) {
	for at := s.finished.Front(); at != nil && !now.Before(at.Value.(*stashed[T]).until); at = s.finished.Front() {
		s.expireLocked(at, now)
	}
	for at := s.expired.Front(); at != nil; at = s.expired.Front() {
		e := at.Value.(*stashed[T])
		if now.Before(e.until) && s.expired.Len() <= s.limit() {
			return
		}
		s.expired.Remove(at)
		delete(s.entries, e.id)
	}
}

// expireLocked drops the result. If it is a failure that nobody has seen, it is
// reported as such once it is garbage.
func (s *Stash[T]) expireLocked(at *list.Element, now time.Time) *stashed[T] {
	e := s.finished.Remove(at).(*stashed[T])
	e.result, e.until = nil, now.Add(s.ttl())
	e.place = s.expired.PushBack(e)
	s.held--
	return e
}

// Retrieve returns the result under id, once: the id is used up. It fails with
// [ErrUnknownID], or [ErrExpiredID] for one that came too late.
func (s *Stash[T]) Retrieve(id string) (*Result[T], error) { return s.RetrieveFor("", id) }

// RetrieveFor is Retrieve of what was put for owner. Somebody else's id is as
// unknown as one that never was.
func (s *Stash[T]) RetrieveFor(owner, id string) (*Result[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(time.Now())
	e := s.entries[id]
	switch {
	case e == nil || e.owner != owner:
		return nil, ErrUnknownID
	case e.result == nil:
		return nil, ErrExpiredID
	}
	delete(s.entries, id)
	s.held--
	if e.place != nil {
		s.finished.Remove(e.place)
	}
	r := e.result
	e.result = nil // OnDone's function still refers to e
	return r, nil
}

// Len returns how many results are held.
func (s *Stash[T]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(time.Now())
	return s.held
}

// Close drops everything and has the Stash refuse more. Pending results are
// cancelled; failures that nobody has seen are reported, as by [OnUnhandled].
func (s *Stash[T]) Close() {
	s.mu.Lock()
	entries := s.entries
	s.entries, s.held, s.closed = nil, 0, true
	s.finished.Init()
	s.expired.Init()
	s.mu.Unlock()
	for _, e := range entries {
		r := e.result
		switch {
		case r == nil:
		case !r.isDone():
			r.Cancel()
		case r.failure != nil:
			r.failure.report()
		}
	}
}
