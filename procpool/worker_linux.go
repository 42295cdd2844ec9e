package procpool

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const sharedMemory = true

// A worker's main goroutine stays on its first thread until ServeIfWorker, because
// what the kernel does at the death of the parent is a setting of that thread.
func init() {
	if os.Getenv(markVar) != "" {
		runtime.LockOSThread()
	}
}

// watchParent takes over from the kernel, which was told to kill this process when
// its parent ends: the kernel would leave alone what this process has started, and
// the end of the connection says the same. Only a process that was stopped cannot
// notice it. So it is to be continued.
func watchParent() {
	if unix.Gettid() == os.Getpid() {
		_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGCONT), 0, 0, 0)
	}
}
