package procpool

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sysProcAttr has the kernel kill the worker when the thread that starts it ends,
// which is why that is a thread of the pool's own. A worker of this package takes
// over from there: see watchParent.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// signalGroup sends a signal to the group that p leads, or has led.
//
// Since Linux 6.9 that can be done by the descriptor of p, which stands for its
// number in this one use: the group has it as long as it has any member, also when p
// is gone, and what has the number after that is not reached by the descriptor.
// Elsewhere the group is named by its number, which is certain to be its own as long
// as nobody has waited for p.
func signalGroup(p *os.Process, group int, sig syscall.Signal) {
	err := unix.ENOSYS
	_ = p.WithHandle(func(pidfd uintptr) { // without one: by number
		sent := unix.PidfdSendSignal(int(pidfd), sig, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP)
		if !errors.As(sent, &err) {
			err = 0
		}
	})
	if err != 0 && err != unix.ESRCH && unreaped(p) { // EINVAL before Linux 6.9; filters have errors of their own
		_ = syscall.Kill(-group, sig)
	}
}

// waitsFirst says that there is awaitExit.
const waitsFirst = true

// awaitExit waits for the end of a process and leaves it to be waited for. It
// reports whether that was seen; also if another part of the program has waited for
// it meanwhile.
func awaitExit(p *os.Process, pid int) bool {
	ended := func(kind, id int) bool {
		for {
			var info unix.Siginfo
			err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOWAIT, nil)
			if err != unix.EINTR { //nolint:errorlint // a bare errno
				return err == nil || err == unix.ECHILD //nolint:errorlint // a bare errno
			}
		}
	}
	var over bool
	if p.WithHandle(func(pidfd uintptr) { over = ended(unix.P_PIDFD, int(pidfd)) }) != nil {
		over = ended(unix.P_PID, pid)
	}
	return over
}
