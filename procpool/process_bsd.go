//go:build unix && !linux

package procpool

import (
	"os"
	"syscall"
)

func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalGroup sends a signal to the group that p leads. Between the question and the
// signal is an instant in which p can end, be waited for, and its number be given to
// another.
func signalGroup(p *os.Process, group int, sig syscall.Signal) {
	if unreaped(p) {
		_ = syscall.Kill(-group, sig)
	}
}

// waitsFirst: awaitExit cannot be had here, so the children of a worker that ended
// by itself are left alone: their group may be another's by the time they could be
// killed.
const waitsFirst = false

func awaitExit(*os.Process, int) bool { return false }
