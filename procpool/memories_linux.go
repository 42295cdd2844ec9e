package procpool

import "sync"

// memories keeps a few blocks for the next large payloads: to have the kernel find
// and clear the pages takes many times as long as to copy into them. It gives them up
// when there were none for a while.
type memories struct {
	mu     sync.Mutex // guards what follows; no call of the system under it
	free   []*memory
	bytes  int // in free
	unused unused
	closed bool
}

const (
	keptBytes  = 64 << 20
	keptBlocks = 16
)

// take returns a block for n bytes that is not far too large, or nil.
func (s *memories) take(n int) *memory {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range s.free {
		if m.room >= n && m.room <= 4*n {
			s.free = append(s.free[:i], s.free[i+1:]...)
			s.bytes -= m.room
			s.unused.used = true
			return m
		}
	}
	return nil
}

// put keeps m, if there is room.
func (s *memories) put(m *memory) (kept bool) {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.bytes+m.room > keptBytes || len(s.free) >= keptBlocks {
		return false
	}
	s.free = append(s.free, m)
	s.bytes += m.room
	s.unused.useLocked(s.lookIfUsed)
	return true
}

// lookIfUsed frees what is kept when nothing of it was used since the last time.
func (s *memories) lookIfUsed() {
	s.mu.Lock()
	var free []*memory
	if s.unused.overLocked() {
		free = s.giveUpLocked()
	}
	s.mu.Unlock()
	freeAll(free)
}

// close frees what is kept; nothing is from then on.
func (s *memories) close() {
	s.mu.Lock()
	s.closed = true
	s.unused.endLocked()
	free := s.giveUpLocked()
	s.mu.Unlock()
	freeAll(free)
}

// giveUpLocked returns what was kept, which is to be freed.
func (s *memories) giveUpLocked() []*memory {
	free := s.free
	s.free, s.bytes = nil, 0
	return free
}

func freeAll(ms []*memory) {
	for _, m := range ms {
		m.free()
	}
}
