//go:build unix

package procpool

import (
	"fmt"
	"syscall"
)

// sigKill cannot be ignored.
const sigKill = syscall.SIGKILL

// checkSignal refuses what could not be sent: the worker would be left in peace for
// another Grace.
func (c Config) checkSignal() error {
	if s, ok := c.KillSignal.(syscall.Signal); !ok || s < 1 || s > 64 {
		return fmt.Errorf("%s is %v, want a signal from 1 to 64", "Config.KillSignal", c.KillSignal)
	}
	return nil
}

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
