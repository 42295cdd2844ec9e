package procpool

import (
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// word is a number in shared memory on which a thread of one process can sleep until
// the other process changes it: a futex.
type word struct{ *atomic.Uint32 }

// What the system calls them; they are not for threads of one process only.
const (
	futexWait = 0
	futexWake = 1
)

// sleep returns when somebody was woken, at the latest after d, at once if the word is
// not is, and sometimes for no reason. The thread counts as one in a call of the
// system: the runtime goes on without it.
func (w word) sleep(is uint32, d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w.Uint32)), futexWait, uintptr(is), uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// wake wakes all who sleep: one may have come too late, for what is over, and would be
// woken in place of another.
func (w word) wake() {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w.Uint32)), futexWake, math.MaxInt32, 0, 0, 0)
}
