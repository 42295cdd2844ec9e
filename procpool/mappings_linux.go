package procpool

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// mappings are the blocks that a worker was sent before. The pool uses a block
// again and again, and to map it anew each time would cost more than to copy what
// is in it.
type mappings struct {
	mu      sync.Mutex // guards what follows; held for calls of the system that map and unmap
	byInode map[uint64]*mapping
	bytes   int
	uses    uint64
}

type mapping struct {
	at      []byte
	lastUse uint64       // guarded by the mu of its mappings
	readers atomic.Int32 // that may look at it now; one is only added under mu
}

// of returns the mapping of a block, which cannot shrink, with one more reader; or
// nil if it is better read otherwise. While a block is mapped its inode number is
// nobody else's.
func (s *mappings) of(fd int, st *unix.Stat_t) *mapping {
	if s == nil || st.Size == 0 || st.Size > keptBytes {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byInode[st.Ino]
	if m == nil && s.makeRoomLocked(int(st.Size)) {
		m = s.addLocked(fd, st)
	}
	if m == nil || int64(len(m.at)) < st.Size { // a block of another program's may grow
		return nil
	}
	s.uses++
	m.lastUse = s.uses
	m.readers.Add(1)
	return m
}

func (s *mappings) addLocked(fd int, st *unix.Stat_t) *mapping {
	at, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil
	}
	if s.byInode == nil {
		s.byInode = make(map[uint64]*mapping)
	}
	m := &mapping{at: at}
	s.byInode[st.Ino] = m
	s.bytes += len(at)
	return m
}

// giveUp unmaps what nobody reads. The memory of blocks that the pool has not got any
// more is free then.
func (s *mappings) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoomLocked(keptBytes)
}

// makeRoomLocked gives up what was not used for the longest time, for example blocks
// that the pool has not got any more. It reports whether there is room.
func (s *mappings) makeRoomLocked(size int) bool {
	for s.bytes+size > keptBytes {
		var oldest uint64
		for ino, m := range s.byInode {
			if m.readers.Load() == 0 && (oldest == 0 || m.lastUse < s.byInode[oldest].lastUse) {
				oldest = ino
			}
		}
		if oldest == 0 {
			return false
		}
		m := s.byInode[oldest]
		delete(s.byInode, oldest)
		s.bytes -= len(m.at)
		_ = unix.Munmap(m.at)
	}
	return true
}
