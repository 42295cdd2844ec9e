package procpool

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// errNotOpen is what the system says of a handle that was closed.
const errNotOpen = windows.ERROR_INVALID_HANDLE

// pipeRoom is how many bytes a pipe holds that nobody has read.
const pipeRoom = 64 << 10

// namedPipe returns a pipe from a child to us, or from us to a child. Our end is looked
// after by the runtime's poller, so that it has deadlines and its closing ends what
// waits for it, which is not so with the pipes that os has. The child's end blocks,
// and is not inherited yet. It has no other than these two ends: its name cannot be
// guessed, nor opened a second time.
func namedPipe(toUs bool) (ours, theirs *os.File, err error) {
	mode, access := uint32(windows.PIPE_ACCESS_OUTBOUND), uint32(windows.GENERIC_READ|windows.FILE_WRITE_ATTRIBUTES)
	if toUs {
		mode, access = windows.PIPE_ACCESS_INBOUND, windows.GENERIC_WRITE|windows.FILE_READ_ATTRIBUTES
	}
	name, err := windows.UTF16PtrFromString(`\\.\pipe\trestle-procpool-` + rand.Text())
	if err != nil {
		return nil, nil, err
	}
	server, err := windows.CreateNamedPipe(name,
		mode|windows.FILE_FLAG_OVERLAPPED|windows.FILE_FLAG_FIRST_PIPE_INSTANCE,
		windows.PIPE_TYPE_BYTE|windows.PIPE_WAIT|windows.PIPE_REJECT_REMOTE_CLIENTS,
		1, pipeRoom, pipeRoom, 0, nil)
	if err != nil {
		return nil, nil, os.NewSyscallError("CreateNamedPipe", err)
	}
	client, err := windows.CreateFile(name, access, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		_ = windows.CloseHandle(server)
		return nil, nil, os.NewSyscallError("CreateFile", err)
	}
	return os.NewFile(uintptr(server), "procpool pool"), os.NewFile(uintptr(client), "procpool worker"), nil
}

// polled is the pool's end: two pipes, because two calls of the system cannot be
// under way at once on the end of one that blocks, which the worker has.
type polled struct{ in, out *os.File }

// newConn returns the two ends of a connection. What theirs is has to be inherited
// in that order.
func newConn() (ours conn, theirs [2]*os.File, err error) {
	var c polled
	if c.out, theirs[0], err = namedPipe(false); err != nil {
		return nil, theirs, err
	}
	if c.in, theirs[1], err = namedPipe(true); err != nil {
		_, _ = c.out.Close(), theirs[0].Close()
		return nil, theirs, err
	}
	return &c, theirs, nil
}

func (c *polled) read(b []byte) (int, error)            { return c.in.Read(b) }
func (c *polled) takeFD() (int, error)                  { return -1, errNoFD }
func (c *polled) write(b []byte, _ int) (int, error)    { return c.out.Write(b) }
func (c *polled) tryWrite([]byte, int) (n int, _ error) { return 0, errFull }
func (c *polled) stopReading(after time.Duration)       { _ = c.in.SetReadDeadline(time.Now().Add(after)) }
func (c *polled) close()                                { _, _ = c.in.Close(), c.out.Close() }

// blocking is the worker's end: plain calls of the system.
type blocking struct{ in, out syscall.Handle }

func (c *blocking) read(b []byte) (int, error) {
	n, err := syscall.Read(c.in, b)
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return max(n, 0), err
}

func (c *blocking) write(b []byte, _ int) (int, error) {
	n, err := syscall.Write(c.out, b)
	return max(n, 0), err
}

func (*blocking) takeFD() (int, error)                    { return -1, errNoFD }
func (c *blocking) tryWrite(b []byte, _ int) (int, error) { return c.write(b, -1) }
func (*blocking) stopReading(time.Duration)               {}
func (c *blocking) close()                                { _, _ = syscall.CloseHandle(c.in), syscall.CloseHandle(c.out) }

// pipesVar in the environment of a worker has the handles of its connection: the
// one to read from, a comma, and the one to write to.
const pipesVar = "TRESTLE_PROCPOOL_PIPES"

// workerConn opens the connection of this worker.
func workerConn() (conn, error) {
	said := os.Getenv(pipesVar)
	_ = os.Unsetenv(pipesVar)
	var c blocking
	if _, err := fmt.Sscanf(said, "%d,%d", &c.in, &c.out); err != nil {
		return nil, fmt.Errorf("%s is %q, want the two handles that a pool gives to a worker; %s is for pools to set", pipesVar, said, markVar)
	}
	for _, h := range [...]syscall.Handle{c.in, c.out} {
		if t, err := syscall.GetFileType(h); err != nil || t != syscall.FILE_TYPE_PIPE {
			return nil, fmt.Errorf("handle %d, of %s, is not a pipe: %w", h, pipesVar, err)
		}
		// Nobody who is started from here may keep the connection open.
		if err := syscall.SetHandleInformation(h, syscall.HANDLE_FLAG_INHERIT, 0); err != nil {
			return nil, os.NewSyscallError("SetHandleInformation", err)
		}
	}
	return &c, nil
}
