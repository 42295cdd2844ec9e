package procpool

import "golang.org/x/sys/unix"

// mappings are the blocks that a worker was sent before. The pool uses a block
// again and again, and to map it anew each time would cost more than to copy what
// is in it. It is for one goroutine at a time, the one that reads.
type mappings struct {
	byInode map[uint64][]byte
	bytes   int
}

// of returns the mapping of a block, which cannot shrink, or nil if it is better
// read otherwise. While a block is mapped its inode number is nobody else's.
func (s *mappings) of(fd int, st *unix.Stat_t) []byte {
	if s == nil || st.Size == 0 || st.Size > keptBytes {
		return nil
	}
	if m, ok := s.byInode[st.Ino]; ok {
		return m
	}
	if s.bytes+int(st.Size) > keptBytes {
		return nil // those that are kept are good for most
	}
	m, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil
	}
	if s.byInode == nil {
		s.byInode = make(map[uint64][]byte)
	}
	s.byInode[st.Ino] = m
	s.bytes += len(m)
	return m
}
