package reactor

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"syscall"
	"time"
)

// AddReader has f called on the reactor's goroutine whenever c can be read
// without blocking, until remove is called, the reactor stops or c is closed,
// which is logged. c is any connection or file that the runtime's poller watches,
// such as a *net.TCPConn or an *os.File of a pipe. While f leaves something
// unread, it is called again.
//
// c must have SetReadDeadline (SetWriteDeadline for AddWriter), as all of those
// do: taking the watch back sets and clears it. On Windows readiness is what a
// read of zero bytes tells, for streams only, and AddWriter is not available.
//
// One connection has at most one reader and one writer at a time, which do not
// disturb each other. A second reader of the same c, on whatever reactor, is an
// error until remove of the first has returned: two would take each other's data,
// and a callback that finds nothing left to read would block the reactor.
func (r *Reactor) AddReader(c syscall.Conn, f func()) (remove func(), err error) {
	return r.addWatch("AddReader", c, f, forReading)
}

// AddWriter is AddReader for writing.
func (r *Reactor) AddWriter(c syscall.Conn, f func()) (remove func(), err error) {
	return r.addWatch("AddWriter", c, f, forWriting)
}

type direction int

const (
	forReading direction = iota
	forWriting
)

func (r *Reactor) addWatch(op string, c syscall.Conn, f func(), dir direction) (func(), error) {
	if c == nil || f == nil {
		return nil, fmt.Errorf("%s: %s: nil connection or function", r.component, op)
	}
	if err := canWatch(dir); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", r.component, op, err)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", r.component, op, err)
	}
	w := &watch{r: r, op: op, f: f, c: c, dir: dir, raw: raw, ran: make(chan struct{}, 1), quit: make(chan struct{}), gone: make(chan struct{})}
	if w.setDeadline, err = deadlineOf(c, dir); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", r.component, op, err)
	}
	if !watched.enter(w) {
		return nil, fmt.Errorf("%s: %s: this %T has one already", r.component, op, c)
	}
	if !r.live.add(w) {
		watched.leave(w)
		return nil, r.errStopped
	}
	go w.serve() // ended by end: remove, the reactor's stop or the closing of c
	return func() {
		r.live.remove(w)
		w.end()
	}, nil
}

func deadlineOf(c syscall.Conn, dir direction) (func(time.Time) error, error) {
	switch c := c.(type) {
	case interface {
		SetReadDeadline(time.Time) error
		SetWriteDeadline(time.Time) error
	}:
		if dir == forReading {
			return c.SetReadDeadline, nil
		}
		return c.SetWriteDeadline, nil
	default:
		return nil, fmt.Errorf("a %T has no deadlines", c)
	}
}

// watch is one AddReader or AddWriter: a goroutine that the runtime's poller
// wakes, and that then waits until the callback has run before it looks again.
type watch struct {
	r           *Reactor
	op          string
	f           func()
	c           syscall.Conn
	dir         direction
	raw         syscall.RawConn
	setDeadline func(time.Time) error
	ran         chan struct{} // one slot: the callback has run
	quit, gone  chan struct{}
	once        sync.Once
}

func (w *watch) serve() {
	defer close(w.gone)
	for {
		err := w.wait()
		select {
		case <-w.quit:
			return
		default:
		}
		if err != nil {
			w.r.live.remove(w)
			watched.leave(w)
			w.r.log().Warn("reactor: watched descriptor failed; no longer watched", "reactor", w.r.cfg.Name, "op", w.op, "error", err)
			return
		}
		if !w.r.post(w) {
			return
		}
		select {
		case <-w.ran:
		case <-w.quit:
			return
		}
	}
}

// wait parks in the runtime's poller until the descriptor is ready.
func (w *watch) wait() error {
	var pollErr error
	asked := false
	check := func(fd uintptr) bool {
		ready, err := pollNow(fd, w.dir, asked)
		asked, pollErr = true, err
		return ready || err != nil
	}
	var err error
	if w.dir == forReading {
		err = w.raw.Read(check)
	} else {
		err = w.raw.Write(check)
	}
	return errors.Join(err, pollErr)
}

// run is the callback's turn. It is over also when f panics.
func (w *watch) run() {
	defer func() { w.ran <- struct{}{} }()
	select {
	case <-w.quit: // removed after it became ready
	default:
		w.f()
	}
}

func (w *watch) abort(error) { w.end() }

// end takes the watch back. The deadline wakes the goroutine out of the poller
// and is cleared when it has gone.
func (w *watch) end() {
	w.once.Do(func() {
		close(w.quit)
		if w.setDeadline(time.Unix(1, 0)) == nil {
			<-w.gone
			_ = w.setDeadline(time.Time{}) // fails only if it was closed meanwhile
		}
	})
	<-w.gone
	watched.leave(w) // not before the deadline is cleared
}

// watched is all that is watched in this process: a deadline set for one watch would
// end another of the same connection, whichever reactor that is on.
var watched watchSet

type watchSet struct {
	mu  sync.Mutex // guards all; nothing is called under it
	all map[watchKey]*watch
}

type watchKey struct {
	c   syscall.Conn
	dir direction
}

// enter reports false if another watch of the same connection and direction is there.
func (s *watchSet) enter(w *watch) bool {
	if !reflect.ValueOf(w.c).Comparable() {
		return true // it cannot be told from others
	}
	key := watchKey{w.c, w.dir}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[key] != nil {
		return false
	}
	if s.all == nil {
		s.all = make(map[watchKey]*watch)
	}
	s.all[key] = w
	return true
}

// leave takes w out, if it is there.
func (s *watchSet) leave(w *watch) {
	if !reflect.ValueOf(w.c).Comparable() {
		return
	}
	key := watchKey{w.c, w.dir}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[key] == w {
		delete(s.all, key)
	}
}
