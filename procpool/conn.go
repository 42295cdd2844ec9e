package procpool

import (
	"errors"
	"os"
	"time"
)

// conn is one end of the connection between a pool and a worker: a byte stream
// each way, along which descriptors of shared memory can travel.
type conn interface {
	// read waits for bytes. It is for one goroutine at a time, as is takeFD.
	read(b []byte) (int, error)
	// takeFD returns the next descriptor that came with what was read.
	takeFD() (int, error)
	// tryWrite writes what there is room for. The descriptor fd, unless negative,
	// goes with the first byte. It returns errFull, and how much it wrote, if b did
	// not fit. It is for one goroutine at a time, as is write.
	tryWrite(b []byte, fd int) (int, error)
	// write waits until something could be written.
	write(b []byte, fd int) (int, error)
	// stopReading has read fail from after on.
	stopReading(after time.Duration)
	close()
}

var errFull = errors.New("procpool: no room in the connection")

// Why there is no descriptor to take.
var (
	errNoFD        = errors.New("without a descriptor")
	errNoRoomForFD = errors.New("whose descriptor this process has no room for: too many open files, or too many sent at once")
)

// process is what a worker runs in.
type process interface {
	pid() int
	// kill sends sig to the process group; nothing once the process is gone.
	kill(sig os.Signal)
	// hold calls fn with the pid, which is not somebody else's before fn returns;
	// it returns an error if the process is gone.
	hold(fn func(pid int) error) error
	// wait returns when the process is gone, and the rest of its group with it. It
	// is called once.
	wait() exit
}

// exit is how a process ended.
type exit struct {
	code   int // -1 if a signal ended it
	signal os.Signal
}

// child is a worker that was started. stdout and stderr may be nil.
type child struct {
	process        process
	conn           conn
	stdout, stderr *os.File
}

func (c child) closeAll() {
	c.conn.close()
	for _, f := range []*os.File{c.stdout, c.stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// outbox is what is to be written to a connection.
type outbox struct {
	buf  []byte
	fds  []fdMark
	sent int
	gone uint64 // how many bytes were written, since somebody asked

	answers int // in buf; the worker's own count
}

// fdMark is a descriptor that goes with the byte at.
type fdMark struct {
	at  int
	mem *memory
}

func (o *outbox) empty() bool { return o.sent == len(o.buf) }

// next returns what is to be written in one go.
func (o *outbox) next() (b []byte, fd int) {
	end, fd := len(o.buf), -1
	fds := o.fds
	if len(fds) > 0 && fds[0].at == o.sent {
		fd = fds[0].mem.fd()
		fds = fds[1:]
	}
	if len(fds) > 0 {
		end = fds[0].at
	}
	return o.buf[o.sent:end], fd
}

// wrote notes that n bytes are gone.
func (o *outbox) wrote(n int) {
	if n > 0 && len(o.fds) > 0 && o.fds[0].at == o.sent {
		o.fds[0].mem.close()
		o.fds = o.fds[1:]
	}
	o.sent += n
	o.gone += uint64(n)
}

// flush writes with write, which is tryWrite or write of a conn.
func (o *outbox) flush(write func([]byte, int) (int, error)) error {
	for !o.empty() {
		b, fd := o.next()
		n, err := write(b, fd)
		o.wrote(n)
		if err != nil {
			return err
		}
	}
	o.reset()
	return nil
}

// reset drops what was not written.
func (o *outbox) reset() {
	for _, mark := range o.fds {
		mark.mem.close()
	}
	if cap(o.buf) > 1<<18 {
		o.buf = nil
	}
	o.buf, o.fds, o.sent = o.buf[:0], nil, 0
}
