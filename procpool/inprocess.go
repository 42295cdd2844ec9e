package procpool

import (
	"io"
	"os"
	"sync"
	"time"
)

// startInProcess starts a worker that is a goroutine of this process: the server
// of a worker process, and a connection in memory.
func startInProcess(id int) child {
	up, down := newPipe(), newPipe()
	g := &goroutine{ended: make(chan struct{})}
	g.end = sync.OnceFunc(func() { close(g.ended) })
	theirs := &memoryConn{in: down, out: up}
	s := newServer(theirs, func(int) { theirs.close(); g.end() }, func() {})
	go s.main(hello{ // ends when its last job does, and the connection has
		Protocol: protocolVersion, PID: os.Getpid(), Program: "in process", Codecs: []string{gobCodec.String()},
	}, nil)
	return child{process: g, conn: &memoryConn{in: up, out: down}}
}

// goroutine is a worker without a process. It cannot be killed: it is given up.
type goroutine struct {
	ended chan struct{}
	end   func()
}

func (*goroutine) pid() int         { return os.Getpid() }
func (g *goroutine) kill(os.Signal) { g.end() }

func (*goroutine) hold(fn func(pid int) error) error { return fn(os.Getpid()) }

func (g *goroutine) wait() exit { <-g.ended; return exit{} }

// memoryConn is one end of a connection within a process. It takes everything that
// is written, and everything in it is made where it is used, so that it works in a
// testing/synctest bubble.
type memoryConn struct{ in, out *pipe }

func (c *memoryConn) read(b []byte) (int, error)            { return c.in.read(b) }
func (c *memoryConn) takeFD() (int, error)                  { return -1, errNoFD }
func (c *memoryConn) tryWrite(b []byte, _ int) (int, error) { return c.out.write(b) }
func (c *memoryConn) write(b []byte, _ int) (int, error)    { return c.out.write(b) }
func (c *memoryConn) stopReading(time.Duration)             { c.in.close() }
func (c *memoryConn) close()                                { c.in.close(); c.out.close() }

// pipe is a queue of bytes.
type pipe struct {
	mu     sync.Mutex // guards what follows; nothing blocks under it but the cond
	filled sync.Cond
	b      []byte
	closed bool
}

func newPipe() *pipe {
	p := new(pipe)
	p.filled.L = &p.mu
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.b) == 0 && !p.closed {
		p.filled.Wait()
	}
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.b)
	if p.b = p.b[n:]; len(p.b) == 0 {
		p.b = nil
	}
	return n, nil
}

func (p *pipe) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	p.b = append(p.b, b...)
	p.filled.Signal()
	return len(b), nil
}

func (p *pipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.filled.Broadcast()
}
