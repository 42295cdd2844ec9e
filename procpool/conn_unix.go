//go:build unix

package procpool

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// errNotOpen is what the system says of a descriptor that was closed.
const errNotOpen = syscall.EBADF

// socketPair returns the two ends of a connection: the pool's, which the runtime's
// poller looks after, and the worker's, which blocks.
func socketPair() (ours conn, theirs *os.File, err error) {
	fds, err := socketpair()
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "procpool worker")
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		_, _ = syscall.Close(fds[0]), theirs.Close()
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	f := os.NewFile(uintptr(fds[0]), "procpool pool")
	raw, err := f.SyscallConn()
	if err != nil {
		_, _ = f.Close(), theirs.Close()
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	c := &polled{f: f, raw: raw}
	c.readFunc, c.tryFunc, c.writeFunc = c.readOnce, c.tryOnce, c.writeOnce
	return c, theirs, nil
}

// polled is the pool's end.
type polled struct {
	// Immutable.
	f                            *os.File
	raw                          syscall.RawConn
	readFunc, tryFunc, writeFunc func(fd uintptr) bool

	r transfer // owned by who reads
	w transfer // owned by who writes
	descriptors
}

// transfer is one call of the system, and what it came to.
type transfer struct {
	b   []byte
	fd  int
	n   int
	err error
}

func (t *transfer) again() bool { return t.err == syscall.EAGAIN } //nolint:errorlint // a bare errno

func (c *polled) readOnce(fd uintptr) bool {
	c.r.n, c.r.err = c.receive(int(fd), c.r.b)
	return !c.r.again()
}

func (c *polled) tryOnce(fd uintptr) bool {
	c.w.n, c.w.err = send(int(fd), c.w.b, c.w.fd)
	return true
}

func (c *polled) writeOnce(fd uintptr) bool {
	c.tryOnce(fd)
	return !c.w.again()
}

func (c *polled) read(b []byte) (int, error) {
	c.r = transfer{b: b}
	if err := c.raw.Read(c.readFunc); err != nil {
		return 0, err
	}
	if c.r.err == nil && c.r.n == 0 {
		return 0, io.EOF
	}
	return max(c.r.n, 0), c.r.err
}

func (c *polled) tryWrite(b []byte, fd int) (int, error) {
	c.w = transfer{b: b, fd: fd}
	if err := c.raw.Write(c.tryFunc); err != nil {
		return 0, err
	}
	if c.w.again() {
		return 0, errFull
	}
	return max(c.w.n, 0), c.w.err
}

func (c *polled) write(b []byte, fd int) (int, error) {
	c.w = transfer{b: b, fd: fd}
	if err := c.raw.Write(c.writeFunc); err != nil {
		return 0, err
	}
	return max(c.w.n, 0), c.w.err
}

func (c *polled) stopReading(after time.Duration) { _ = c.f.SetReadDeadline(time.Now().Add(after)) }

// close must not be called while somebody reads.
func (c *polled) close() {
	_ = c.f.Close()
	c.drop()
}

// blocking is the worker's end: plain calls of the system, which answer several
// times as fast as a poller does.
type blocking struct {
	fd int
	descriptors
}

func (c *blocking) read(b []byte) (int, error) {
	n, err := c.receive(c.fd, b)
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return max(n, 0), err
}

func (c *blocking) write(b []byte, fd int) (int, error) {
	n, err := send(c.fd, b, fd)
	return max(n, 0), err
}

func (c *blocking) tryWrite(b []byte, fd int) (int, error) { return c.write(b, fd) }
func (c *blocking) stopReading(time.Duration)              {}
func (c *blocking) close()                                 { _ = syscall.Close(c.fd) }
