//go:build unix

package procpool

import (
	"fmt"
	"os"
	"syscall"
)

// workerConn opens the connection of this worker.
func workerConn() (conn, error) {
	if _, err := syscall.Getsockname(workerFD); err != nil {
		return nil, fmt.Errorf("descriptor %d is not the socket that a pool gives to a worker (%w); %s is for pools to set", workerFD, err, markVar)
	}
	syscall.CloseOnExec(workerFD)
	return &blocking{fd: workerFD}, nil
}

// leaveNobody ends this process and everything in its group.
func leaveNobody() {
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
	os.Exit(1)
}
