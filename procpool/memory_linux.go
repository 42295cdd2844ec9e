package procpool

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
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
	copyLarge(m.at[:len(data)], data)
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

// bytes returns a copy of what is in the block.
func (m *memory) bytes() ([]byte, error) {
	if m.at == nil {
		return m.read()
	}
	b := uncleared(m.size)
	copyLarge(b, m.at[:m.size])
	return b, nil
}

// uncleared returns n bytes that all will be written: make would clear them, which
// costs half as much as to copy them.
func uncleared(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	var b strings.Builder
	b.Grow(n)
	_ = b.WriteByte(0)                                    // of an empty string there is no StringData
	return unsafe.Slice(unsafe.StringData(b.String()), n) // which Grow has made, and nobody else has
}

const (
	// pieceSize is how much is copied at a time. The runtime cannot stop a goroutine
	// within one copy: a collection, which so large an allocation often begins, would
	// wait for its end and send it signal upon signal meanwhile.
	pieceSize = 256 << 10
	// sharedFrom is from where on two goroutines copy, a piece at a time: one processor
	// alone does not keep the memory busy.
	sharedFrom = 2 << 20
)

// copyLarge copies src to dst, which is as long.
func copyLarge(dst, src []byte) {
	var next atomic.Int64
	copyPieces := func() {
		for {
			at := int(next.Add(pieceSize)) - pieceSize
			if at >= len(src) {
				return
			}
			copyPiece(dst[at:], src[at:min(at+pieceSize, len(src))])
		}
	}
	if len(src) < sharedFrom || runtime.GOMAXPROCS(0) < 2 {
		copyPieces()
		return
	}
	var helper sync.WaitGroup
	helper.Go(copyPieces) // ends with the copy, which is waited for
	copyPieces()
	helper.Wait()
}

// copyPiece is where the goroutine can be stopped: a call that is not inlined.
//
//go:noinline
func copyPiece(dst, src []byte) { copy(dst, src) }

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
