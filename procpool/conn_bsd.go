//go:build unix && !linux

package procpool

import "syscall"

func socketpair() (fds [2]int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if fds, err = syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	return fds, err
}

// descriptors do not travel here: there is no shared memory for them.
type descriptors struct{}

func (*descriptors) takeFD() (int, error) { return -1, errNoFD }

func (*descriptors) drop() {}

func (*descriptors) receive(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, b)
		if err != syscall.EINTR { //nolint:errorlint // a bare errno
			return n, err
		}
	}
}

func send(to int, b []byte, _ int) (int, error) {
	for {
		n, err := syscall.Write(to, b)
		if err != syscall.EINTR { //nolint:errorlint // a bare errno
			return n, err
		}
	}
}
