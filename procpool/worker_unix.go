//go:build unix

package procpool

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// workerConn opens the connection of this worker.
func workerConn() (conn, error) {
	if _, err := syscall.Getsockname(workerFD); err != nil {
		return nil, fmt.Errorf("descriptor %d is not the socket that a pool gives to a worker (%w); %s is for pools to set", workerFD, err, markVar)
	}
	syscall.CloseOnExec(workerFD)
	return &blocking{fd: workerFD}, nil
}

// leaveNobody ends this process and everything in its group, once its parent has
// ended. If the parent is there and only the connection is not, it will do so, and
// say why; it has a while for that.
func leaveNobody() {
	for end := time.Now().Add(3 * lastWords); syscall.Getppid() == parent && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
	os.Exit(1)
}

// parent is the process that has started this one.
var parent = syscall.Getppid()
