package reactor

import "sync"

// aborter is work that the stop of its reactor ends.
type aborter interface{ abort(cause error) }

// liveSet holds the work that has begun, is in no queue of the loop and has not
// ended: what Stop must end by name.
type liveSet struct {
	mu    sync.Mutex // guards what follows; nothing is called under it
	works map[aborter]struct{}
	over  bool
}

// add reports false when the reactor has stopped meanwhile; w is not held then.
func (s *liveSet) add(w aborter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.works[w] = struct{}{}
	return true
}

func (s *liveSet) remove(w aborter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.works, w)
}

func (s *liveSet) abortAll(cause error) {
	s.mu.Lock()
	works := s.works
	s.works, s.over = make(map[aborter]struct{}), true
	s.mu.Unlock()
	for w := range works {
		w.abort(cause)
	}
}
