package procpool

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/trestle-go/trestle/internal/frame"
)

// ServeIfWorker makes a process that a pool has started a worker: it serves jobs
// and never returns. In any other process it does nothing. Call it first in main,
// and in TestMain, before flags are read and anything is opened.
//
// Jobs run one at a time. Standard input is empty; what is written to standard
// output and standard error goes to the pool's logger. The worker ends, with
// everything that it has started, when the pool's process does.
func ServeIfWorker() {
	m := os.Getenv(markVar)
	if m == "" {
		return
	}
	_ = os.Unsetenv(markVar) // what jobs start is not a worker
	err := registry.seal("ServeIfWorker")
	c, connErr := workerConn()
	if connErr != nil {
		fmt.Fprintln(os.Stderr, "procpool: worker:", connErr)
		os.Exit(1)
	}
	watchParent()
	s := newServer(c, func(code int) { os.Exit(code) }, leaveNobody)
	go s.main(hello{
		Protocol: protocolVersion, PID: os.Getpid(), Program: ownProgramName(), Build: ownBuild(m),
		Codecs: []string{gobCodec.String(), jsonCodec.String()}, Shared: sharedMemory, Tray: hasTray,
	}, err) // ends the process
	select {}
}

// server is a worker, as it has itself. Its goroutine reads a job, runs it, and
// writes what it gave: nothing is handed from one goroutine to another. Only when a
// job takes long, or waits for the pool, does a second goroutine read in its place,
// until the next job comes.
type server struct {
	// Immutable after the handshake.
	c      conn
	codecs codecs
	shares bool
	exit   func(code int) // ends the worker
	lost   func()         // ends it, and what it has started: the pool is gone
	timer  *time.Timer    // starts lookOut
	tray   *tray          // for results that wait to be written; nil: none do

	reserve reserve
	seen    mappings

	// Owned by who reads: lookOut if lookingOut, else the goroutine that serves.
	r     *frame.Reader
	came  uint64 // how many bytes were read, either way
	looks bool   // the next of them will soon be in the tray, probably

	calling chan struct{} // a slot for each call without an answer

	writing chan struct{} // one slot: a lock that is held while the pool may be slow to read; it guards what follows
	out     outbox        // what is in it between two holders of the lock is in the tray
	written uint64        // how many bytes are in the connection, or were taken from the tray
	lent    int           // how many of out are lent to the pool: all, or none
	sent    sentTypes

	mu         sync.Mutex // guards what follows; nothing blocks and no user code runs under it
	running    *run       // the job that runs; nil between jobs
	begun      time.Time  // when it began; zero: somebody must read now
	armed      bool       // timer runs
	soon       bool       // for what is held
	backlog    []*run     // that were read while it ran
	returning  int        // jobs that are being given back; none begins meanwhile
	lookingOut bool
	retired    bool                  // there will be no more jobs
	gone       bool                  // the pool is
	calls      map[uint64]chan reply // without an answer; nil if nobody waits for it any more
	lastCall   uint64
	wake       chan struct{} // one slot: lookOut has ended, or read a job
}

func newServer(c conn, exit func(int), lost func()) *server {
	s := &server{
		c: c, exit: exit, lost: lost, writing: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		calling: make(chan struct{}, maxCalls), calls: make(map[uint64]chan reply),
		sent: sentTypes{},
	}
	s.r = frame.NewReader(s.read, 1<<20)
	s.reserve.over = s.seen.giveUp
	s.timer = time.AfterFunc(time.Hour, s.lookOut)
	s.timer.Stop()
	return s
}

// main greets and serves. bad is why it cannot serve, if so.
func (s *server) main(h hello, bad error) {
	if err := s.greet(h, bad); err != nil {
		fmt.Fprintln(os.Stderr, "procpool: worker:", err)
		s.exit(1)
		return
	}
	s.serve()
}

// serve runs jobs until there are no more. If one ends the goroutine, another goes
// on in its place.
func (s *server) serve() {
	returned := false
	defer func() {
		if !returned {
			go s.serve() // ends as this one would have
		}
	}()
	for {
		j := s.next()
		if j == nil {
			break
		}
		s.run(j)
	}
	returned = true
	s.flushHeld()
	s.exit(0)
}

// next waits for a job; nil means that there are no more.
func (s *server) next() *run {
	for {
		s.mu.Lock()
		switch {
		case len(s.backlog) > 0 && s.returning == 0:
			j := s.backlog[0]
			s.backlog = s.backlog[1:]
			s.running = j // at once: a recall must not find it
			s.mu.Unlock()
			return j
		case s.retired || s.gone:
			s.mu.Unlock()
			return nil
		case s.lookingOut:
			s.mu.Unlock()
			<-s.wake
			continue
		}
		s.mu.Unlock()
		if !s.r.Buffered() {
			s.looks = s.flushHeld()
		}
		f, err := s.r.Next()
		if err != nil {
			s.poolGone(err)
			continue
		}
		if f.Type != frame.Job {
			s.heard(f)
			continue
		}
		if j := s.job(f); j != nil {
			return j
		}
	}
}
