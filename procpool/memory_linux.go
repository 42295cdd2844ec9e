package procpool

import (
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// memory is a block of bytes behind a descriptor, which another process can be
// given. It is sealed: its size and its contents cannot change any more, so that
// the receiver may trust what it has looked at.
type memory struct {
	size int
	f    *os.File
	refs atomic.Int32 // besides the first
}

const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// newMemory copies data into a new block.
func newMemory(data []byte) (*memory, error) {
	fd, err := unix.MemfdCreate("procpool", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	m := &memory{size: len(data), f: os.NewFile(uintptr(fd), "memfd")}
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if err == unix.EINTR { //nolint:errorlint // a bare errno
			continue
		}
		if err != nil {
			m.close()
			return nil, fmt.Errorf("writing shared memory: %w", err)
		}
		data = data[n:]
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		m.close()
		return nil, fmt.Errorf("sealing shared memory: %w", err)
	}
	return m, nil
}

// adoptMemory takes a block that another process sent, of which it says that it
// has size bytes. Only a block that cannot shrink can be read without danger.
func adoptMemory(fd int, size uint64, limit int) (*memory, error) {
	m := &memory{size: int(size), f: os.NewFile(uintptr(fd), "memfd")}
	has, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	switch {
	case err != nil:
		err = fmt.Errorf("shared memory: %w", err)
	case has&unix.F_SEAL_SHRINK == 0:
		err = fmt.Errorf("shared memory that is not sealed against shrinking")
	case size > uint64(limit):
		err = fits(int(min(size, 1<<62)), limit)
	case uint64(st.Size) < size:
		err = fmt.Errorf("shared memory of %d bytes that should have %d", st.Size, size)
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// bytes returns a copy of the block.
func (m *memory) bytes() ([]byte, error) {
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

func (m *memory) close() {
	if m.refs.Add(-1) < 0 {
		_ = m.f.Close()
	}
}

func closeFD(fd int) { _ = unix.Close(fd) }
