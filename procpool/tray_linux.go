package procpool

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const hasTray = true

// trayHead is what precedes the bytes in a tray: two numbers, in cache lines of
// their own.
const (
	trayHead = 128
	trayRoom = 32 << 10
)

// tray is memory that a worker and its pool share. The worker puts results into it
// that it has not written to the connection yet, so that several can be written at
// once and none is lost if it dies before. The pool looks into it only when the
// connection has ended.
//
// Both count the bytes of the connection from its beginning. base is the number of
// the first byte in the tray, end that of the first after it. What is between base
// and end but was not read from the connection is what a dead worker left.
type tray struct {
	at        []byte
	base, end *atomic.Uint64
	data      []byte
}

// newTray makes one for a worker, and the descriptor by which it is sent.
func newTray() (*tray, *memory, error) {
	fd, err := unix.MemfdCreate("procpool tray", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, fmt.Errorf("memfd_create: %w", err)
	}
	m := &memory{f: os.NewFile(uintptr(fd), "memfd")}
	if err = unix.Ftruncate(fd, trayHead+trayRoom); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	}
	var t *tray
	if err == nil {
		t, err = mapTray(fd)
	}
	if err != nil {
		m.close()
		return nil, nil, fmt.Errorf("shared memory: %w", err)
	}
	return t, m, nil
}

// adoptTray maps the one that the pool sent, and closes its descriptor.
func adoptTray(fd int) (*tray, error) {
	defer closeFD(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Size != trayHead+trayRoom {
		return nil, fmt.Errorf("shared memory of %d bytes, want %d", st.Size, trayHead+trayRoom)
	}
	return mapTray(fd)
}

func mapTray(fd int) (*tray, error) {
	at, err := unix.Mmap(fd, 0, trayHead+trayRoom, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &tray{
		at:   at,
		base: (*atomic.Uint64)(unsafe.Pointer(&at[0])), // pages are aligned
		end:  (*atomic.Uint64)(unsafe.Pointer(&at[trayHead/2])),
		data: at[trayHead:],
	}, nil
}

// put adds b; it reports false if there is no room for it.
func (t *tray) put(b []byte) bool {
	end := t.end.Load()
	used := end - t.base.Load()
	if uint64(len(b)) > trayRoom-used {
		return false
	}
	copy(t.data[used:], b)
	t.end.Store(end + uint64(len(b))) // last: half a frame is none
	return true
}

// written says that everything up to the byte of that number is in the connection.
// In between its two steps base is past end, and so nothing is left.
func (t *tray) written(upTo uint64) {
	if t != nil {
		t.base.Store(upTo)
		t.end.Store(upTo)
	}
}

// rest copies what is left from the byte of that number on into b. The worker may
// have written anything, so nothing of what it says is believed.
func (t *tray) rest(from uint64, b []byte) int {
	if t == nil {
		return 0
	}
	base, end := t.base.Load(), t.end.Load()
	if from < base || from >= end || end-base > trayRoom {
		return 0
	}
	return copy(b, t.data[from-base:end-base])
}

func (t *tray) close() {
	if t != nil {
		_ = unix.Munmap(t.at)
	}
}
