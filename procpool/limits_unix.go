//go:build unix

package procpool

import (
	"fmt"
	"syscall"
)

// sigKill cannot be ignored.
const sigKill = syscall.SIGKILL

// applyNice sets the priority of the worker's process group: on Linux that of a
// process would be that of its first thread only.
func (p *Pool) applyNice(pid int) error {
	if p.cfg.Nice == 0 {
		return nil
	}
	if err := syscall.Setpriority(syscall.PRIO_PGRP, pid, p.cfg.Nice); err != nil {
		return fmt.Errorf("nice %d: %w", p.cfg.Nice, err)
	}
	return nil
}
