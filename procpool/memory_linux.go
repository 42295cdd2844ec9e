package procpool

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory is a block of bytes behind a descriptor, which another process can be
// given. Its size is sealed, so that who reads it cannot be surprised; what is in
// it only ever changes for the next job.
type memory struct {
	size int // of what is in it
	room int // of the block
	f    *os.File
	at   []byte       // the block, mapped; nil: it is read through f
	seen *mapping     // that at belongs to; nil if the block was made here
	from *memories    // where it goes when nobody needs it; nil: nowhere
	refs atomic.Int32 // besides the first
}

// newMemory copies data into a block.
func newMemory(s *memories, data []byte) (*memory, error) {
	m := s.take(len(data))
	if m == nil {
		var err error
		if m, err = newBlock(len(data)); err != nil {
			return nil, err
		}
		m.from = s
	}
	m.size = len(data)
	m.refs.Store(0)
	copy(m.at, data)
	return m, nil
}

func newBlock(size int) (*memory, error) {
	fd, err := unix.MemfdCreate("procpool", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	m := &memory{room: size, f: os.NewFile(uintptr(fd), "memfd")}
	if err = unix.Ftruncate(fd, int64(size)); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	}
	if err == nil {
		m.at, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err == nil {
		if err = populate(fd, m.at); err != nil {
			_ = unix.Munmap(m.at)
		}
	}
	if err != nil {
		_ = m.f.Close()
		return nil, fmt.Errorf("shared memory: %w", err)
	}
	return m, nil
}

// populate has the kernel find the pages of a block. To touch one that is not to be had
// would be the end of this process; so it is not left to the copy to find out.
func populate(fd int, at []byte) error {
	for {
		err := unix.Madvise(at, unix.MADV_POPULATE_WRITE)
		if err == unix.EINVAL { //nolint:errorlint // a bare errno
			err = unix.Fallocate(fd, 0, 0, int64(len(at))) // before Linux 5.14
		}
		if err != unix.EINTR { //nolint:errorlint // a bare errno
			return err
		}
	}
}

// adoptMemory takes a block that another process sent, of which it says that it
// has size bytes. Only a block that cannot shrink can be read without danger.
func adoptMemory(seen *mappings, fd int, size uint64, limit int) (*memory, error) {
	m := &memory{f: os.NewFile(uintptr(fd), "memfd")}
	has, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	switch {
	case err != nil:
		err = fmt.Errorf("shared memory: %w", err)
	case has&unix.F_SEAL_SHRINK == 0:
		err = errors.New("shared memory that is not sealed against shrinking")
	case size > uint64(limit):
		err = fits(int(min(size, 1<<62)), limit)
	case uint64(st.Size) < size:
		err = fmt.Errorf("shared memory of %d bytes that should have %d", st.Size, size)
	}
	if err != nil {
		m.close()
		return nil, err
	}
	m.size = int(size)
	if m.seen = seen.of(fd, &st); m.seen != nil {
		m.at = m.seen.at
	}
	return m, nil
}

// pieceSize is how much is copied at a time. The runtime cannot stop a goroutine
// within one copy: a collection, which so large an allocation often begins, would
// wait for its end and send it signal upon signal meanwhile.
const pieceSize = 256 << 10

// bytes returns a copy of what is in the block.
func (m *memory) bytes() ([]byte, error) {
	if m.at == nil {
		return m.read()
	}
	b := uncleared(m.size)
	for rest := m.at[:m.size]; len(rest) > 0; {
		n := min(len(rest), pieceSize)
		addPiece(b, rest[:n])
		rest = rest[n:]
	}
	return bytesOf(b), nil
}

// addPiece is where the goroutine can be stopped: a call that is not inlined.
//
//go:noinline
func addPiece(b *strings.Builder, piece []byte) { b.Write(piece) }

// uncleared returns room for n bytes that all will be written: make would clear
// them, which costs half as much as to copy them.
func uncleared(n int) *strings.Builder {
	b := new(strings.Builder)
	b.Grow(n)
	return b
}

// bytesOf returns what was written to b, which is not used again.
func bytesOf(b *strings.Builder) []byte {
	s := b.String()
	return unsafe.Slice(unsafe.StringData(s), len(s)) // nobody else has the string
}

// read is bytes for a block that is not mapped.
func (m *memory) read() ([]byte, error) {
	b := make([]byte, m.size)
	for at := 0; at < len(b); {
		n, err := unix.Pread(m.fd(), b[at:], int64(at))
		if err == unix.EINTR { //nolint:errorlint // a bare errno
			continue
		}
		if err == nil && n == 0 {
			err = fmt.Errorf("it ends after %d of %d bytes", at, len(b))
		}
		if err != nil {
			return nil, fmt.Errorf("reading shared memory: %w", err)
		}
		at += n
	}
	return b, nil
}

func (m *memory) fd() int { return int(m.f.Fd()) }

// share returns m, which is to be closed once more.
func (m *memory) share() *memory {
	m.refs.Add(1)
	return m
}

// close gives the block back when nobody needs it any more.
func (m *memory) close() {
	if m.refs.Add(-1) < 0 && !m.from.put(m) {
		m.free()
	}
}

func (m *memory) free() {
	switch {
	case m.room > 0: // it was made here
		_ = unix.Munmap(m.at)
	case m.seen != nil:
		m.seen.readers.Add(-1) // from here on at may be gone
	}
	_ = m.f.Close()
}

func closeFD(fd int) { _ = unix.Close(fd) }
