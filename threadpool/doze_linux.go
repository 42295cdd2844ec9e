package threadpool

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canDoze says that a thread can wait in the kernel for a word to change.
const canDoze = true

const ( // of futex(2): among the threads of one process
	futexWaitPrivate = 0 | 128
	futexWakePrivate = 1 | 128
)

// drowse has the calling thread wait until it is roused, but not if word is not value any
// more, and no longer than d. It may return early; it reports whether the time is not up.
func drowse(word *atomic.Uint32, value uint32, d time.Duration) (early bool) {
	timeout := unix.NsecToTimespec(d.Nanoseconds())
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitPrivate, uintptr(value), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	return errno == 0 || errno == unix.EAGAIN || errno == unix.EINTR
}

// rouse wakes the thread that waits for word to change, if one does.
func rouse(word *atomic.Uint32) {
	_, _, _ = unix.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakePrivate, 1)
}
