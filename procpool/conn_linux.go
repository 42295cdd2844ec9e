package procpool

import (
	"golang.org/x/sys/unix"
)

func socketpair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// maxDescriptors is how many may have come in and not be taken. A frame has one at
// most, and no more than a few frames are read ahead.
const maxDescriptors = 32

// descriptors are those that came in and were not taken, and the room in which
// they come.
type descriptors struct {
	fds  []int
	lost bool     // the kernel had to drop some
	oob  [64]byte // for more than one, because the kernel drops what does not fit
}

func (d *descriptors) takeFD() (int, error) {
	switch {
	case d.lost: // what is there may belong to another frame
		return -1, errNoRoomForFD
	case len(d.fds) == 0:
		return -1, errNoFD
	}
	fd := d.fds[0]
	d.fds = d.fds[1:]
	return fd, nil
}

// drop closes those that nobody took.
func (d *descriptors) drop() {
	for _, fd := range d.fds {
		closeFD(fd)
	}
	d.fds = nil
}

// receive reads once, retrying only what a signal interrupted.
func (d *descriptors) receive(fd int, b []byte) (int, error) {
	for {
		n, oobn, flags, _, err := unix.Recvmsg(fd, b, d.oob[:], unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR { //nolint:errorlint // a bare errno
			continue
		}
		if flags&unix.MSG_CTRUNC != 0 {
			d.lost = true
		}
		if oobn > 0 {
			d.keep(d.oob[:oobn])
		}
		return n, err
	}
}

func (d *descriptors) keep(oob []byte) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range messages {
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil {
			d.fds = append(d.fds, fds...)
			for len(d.fds) > maxDescriptors { // nobody is going to take them
				closeFD(d.fds[len(d.fds)-1])
				d.fds = d.fds[:len(d.fds)-1]
			}
		}
	}
}

// send writes once.
func send(to int, b []byte, fd int) (int, error) {
	for {
		var n int
		var err error
		if fd < 0 {
			n, err = unix.Write(to, b)
		} else {
			n, err = unix.SendmsgN(to, b, unix.UnixRights(fd), nil, 0)
		}
		if err != unix.EINTR { //nolint:errorlint // a bare errno
			return n, err
		}
	}
}
