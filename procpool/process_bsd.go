//go:build unix && !linux

package procpool

import "syscall"

func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit cannot be had here, so the children of a worker that ended by itself
// are left alone: their group may be another's by the time they could be killed.
func awaitExit(int) bool { return false }
