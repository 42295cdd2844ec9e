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
	for w := s.take(); w != nil; w = s.take() {
		w.abort(cause)
	}
}

// take takes any one out, and lets nothing in any more.
func (s *liveSet) take() aborter {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for w := range s.works {
		delete(s.works, w)
		return w
	}
	return nil
}
