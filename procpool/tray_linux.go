package procpool

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const hasTray = true

// Where things are in a tray: numbers in cache lines of their own, then the bytes
// from the worker and those for it.
const (
	atBase, atEnd, atLent         = 0, 64, 128
	atHanded, atRead, atSent      = 192, 256, 320
	atSize                        = 384
	trayHead, trayRoom, traySizes = 448, 32 << 10, trayHead + 2*trayRoom
)

// tray is memory that a worker and its pool share. The worker puts results into it
// that it has not written to the connection yet, so that several can be written at
// once and none is lost if it dies before: once the connection has ended the pool
// looks there for the rest. And between a worker and one who waits for its answer
// anyway the tray takes the place of the connection, both ways: see lending and
// handing.
//
// Both count the bytes of the connection from its beginning, those among them that
// went by the tray. base is the number of the first byte in the tray, end that of the
// first after it. What is between base and end but was not read is what a dead worker
// left.
type tray struct {
	at        []byte
	base, end *atomic.Uint64
	data      []byte
	lending
	handing
	users atomic.Int32 // besides the first
}

// newTray makes one for a worker, and the descriptor by which it is sent.
func newTray() (*tray, *memory, error) {
	fd, err := unix.MemfdCreate("procpool tray", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, fmt.Errorf("memfd_create: %w", err)
	}
	m := &memory{f: os.NewFile(uintptr(fd), "memfd")}
	if err = unix.Ftruncate(fd, traySizes); err == nil {
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
	if st.Size != traySizes {
		return nil, fmt.Errorf("shared memory of %d bytes, want %d", st.Size, traySizes)
	}
	return mapTray(fd)
}

func mapTray(fd int) (*tray, error) {
	at, err := unix.Mmap(fd, 0, traySizes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	number := func(i int) *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&at[i])) } // pages are aligned
	flag := func(i int) word { return word{(*atomic.Uint32)(unsafe.Pointer(&at[i]))} }
	return &tray{
		at: at, base: number(atBase), end: number(atEnd), data: at[trayHead : trayHead+trayRoom],
		lending: lending{flag(atLent)},
		handing: handing{flag(atHanded), number(atRead), number(atSent), number(atSize), at[trayHead+trayRoom:]},
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

// use has the memory stay until it is closed once more.
func (t *tray) use() { t.users.Add(1) }

func (t *tray) close() {
	if t != nil && t.users.Add(-1) < 0 {
		_ = unix.Munmap(t.at)
	}
}
