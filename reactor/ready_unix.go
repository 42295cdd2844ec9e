//go:build unix

package reactor

import "golang.org/x/sys/unix"

func canWatch(direction) error { return nil }

// pollNow asks the kernel: the runtime's poller tells of changes only, and the
// descriptor may have been ready before.
func pollNow(fd uintptr, dir direction, _ bool) (ready bool, err error) {
	events := int16(unix.POLLIN)
	if dir == forWriting {
		events = unix.POLLOUT
	}
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		n, err := unix.Poll(fds, 0)
		if err == unix.EINTR {
			continue
		}
		if err == nil && fds[0].Revents&unix.POLLNVAL != 0 {
			err = unix.EBADF
		}
		return n > 0, err
	}
}
