//go:build !unix && !windows

package procpool

import (
	"errors"
	"os"
)

var errNoProcesses = errors.New("worker processes need Windows or a Unix system; Config.InProcess works here")

func (c Config) checkPlatform() error { return errNoProcesses }

func (l *launch) start() (child, error) { return child{}, errNoProcesses }

const sharedMemory = false

// errNotOpen is what the system says of a descriptor that was closed.
var errNotOpen = os.ErrClosed

// sigKill is what os has for it.
var sigKill = os.Kill

func workerConn() (conn, error) { return nil, errNoProcesses }

func watchParent() {}

func leaveNobody() { os.Exit(1) }

func (Limits) threadSetUp() func() error { return nil }

func (p *Pool) applyLimits(int) error { return nil }
