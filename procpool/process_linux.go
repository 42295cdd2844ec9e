package procpool

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sysProcAttr has the kernel kill the worker when the thread that starts it ends,
// which is why that is a thread of the pool's own. A worker of this package takes
// over from there: see watchParent.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit waits for the end of a process and leaves it to be waited for.
func awaitExit(pid int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR { //nolint:errorlint // a bare errno
			return err == nil
		}
	}
}
