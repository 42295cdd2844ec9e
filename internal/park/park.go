// Package park is the one mechanism by which a goroutine that must not simply
// block says so. A reactor's goroutine refuses to wait for a pending result; a
// pool's worker has its slot compensated while it waits. Whoever is about to
// block asks Before, and is answered by the hook of exactly that goroutine:
// membership is decided by goroutine identity, which nothing inherits.
package park

import (
	"sync"
	"sync/atomic"

	"github.com/petermattis/goid"
)

// Hook is what a goroutine must do before it parks.
type Hook interface {
	// BeforePark is called on the goroutine itself. awaited is the work that it
	// is about to wait for, or nil when there is no such thing. A non-nil error
	// refuses the wait; a non-nil resume is called once the wait has ended.
	BeforePark(awaited any) (resume func(), err error)
}

// ID identifies the calling goroutine for its whole life; it is never reused.
func ID() int64 { return goid.Get() }

const shards = 64

type shard struct {
	live atomic.Int32 // number of hooks; lets Before skip an empty shard without locking
	mu   sync.RWMutex // guards hooks; held for one map access only
	hook map[int64]Hook
	_    [64]byte // neighbours are written by other goroutines
}

var table [shards]shard

// Enter makes h a hook of the calling goroutine until Leave is called with the
// identity that Enter returns. One that it has already is the outer one from now on:
// a wait is up to both.
func Enter(h Hook) (id int64) {
	id = ID()
	s := &table[uint64(id)%shards]
	s.mu.Lock()
	if s.hook == nil {
		s.hook = make(map[int64]Hook)
	}
	if outer, again := s.hook[id]; again {
		h = nested{h, outer}
	} else {
		s.live.Add(1)
	}
	s.hook[id] = h
	s.mu.Unlock()
	return id
}

// Leave removes the innermost hook of the goroutine id, if there is one. Any
// goroutine may call it.
func Leave(id int64) {
	s := &table[uint64(id)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	switch h := s.hook[id].(type) {
	case nil:
	case nested:
		s.hook[id] = h.outer
	default:
		delete(s.hook, id)
		s.live.Add(-1)
	}
}

// Current returns the hook of the goroutine id, or nil. Where several are nested it
// is one that asks them all; [Find] knows them by their types.
func Current(id int64) Hook {
	s := &table[uint64(id)%shards]
	if s.live.Load() == 0 {
		return nil
	}
	s.mu.RLock()
	h := s.hook[id]
	s.mu.RUnlock()
	return h
}

// Find returns the innermost hook of the goroutine id that is an H.
func Find[H Hook](id int64) (h H, ok bool) {
	for hook := Current(id); hook != nil; {
		n, more := hook.(nested)
		if !more {
			h, ok = hook.(H)
			return h, ok
		}
		if h, ok = n.inner.(H); ok {
			return h, true
		}
		hook = n.outer
	}
	return h, false
}

// nested is a hook within another.
type nested struct{ inner, outer Hook }

// BeforePark has the outer hook asked once the inner one allows the wait; the other
// way round they are told of its end.
func (n nested) BeforePark(awaited any) (resume func(), err error) {
	inner, err := n.inner.BeforePark(awaited)
	if err != nil {
		return nil, err
	}
	outer, err := n.outer.BeforePark(awaited)
	switch {
	case inner == nil:
		return outer, err
	case err != nil:
		inner()
		return nil, err
	case outer == nil:
		return inner, nil
	}
	return func() {
		defer inner()
		outer()
	}, nil
}

// Before asks the hook of goroutine id, which must be the calling one, for
// leave to park. Without a hook it allows the wait and resume is nil.
func Before(id int64, awaited any) (resume func(), err error) {
	h := Current(id)
	if h == nil {
		return nil, nil
	}
	return h.BeforePark(awaited)
}
