package futex

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Scope is whose threads may sleep on a word: both sides have to name the same.
type Scope uintptr

// The scopes there are.
const (
	Shared  Scope = 0   // of all processes that have its memory
	Private Scope = 128 // of this process only, which costs less
)

const ( // the operations of futex(2)
	wait = 0
	wake = 1
)

// Sleep returns when somebody was woken, at the latest after d, at once if the word is
// not is, and sometimes for no reason. It reports false when d was over.
func Sleep(word *atomic.Uint32, is uint32, d time.Duration, scope Scope) (early bool) {
	timeout := unix.NsecToTimespec(int64(d))
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), wait|uintptr(scope), uintptr(is), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	return errno != unix.ETIMEDOUT
}

// Wake wakes up to n of those who sleep.
func Wake(word *atomic.Uint32, n int, scope Scope) {
	_, _, _ = unix.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), wake|uintptr(scope), uintptr(n))
}
