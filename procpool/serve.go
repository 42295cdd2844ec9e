package procpool

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
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

// lookOutAfter is how long a job runs until somebody reads what the pool says
// meanwhile. A goroutine for that would have to be woken for each job.
const lookOutAfter = time.Millisecond

// holdFor is how long a result may wait to be written together with others, while
// there are jobs to run.
const holdFor = 100 * time.Microsecond

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

	// Owned by who reads: lookOut if lookingOut, else the goroutine that serves.
	r    *frame.Reader
	seen mappings

	writing chan struct{} // one slot: a lock that is held while the pool may be slow to read; it guards the next four
	out     outbox
	held    int    // bytes of out that are in the tray
	written uint64 // how many bytes are in the connection
	sent    sentTypes

	mu         sync.Mutex // guards what follows; nothing blocks and no user code runs under it
	running    *run       // the job that runs; nil between jobs
	begun      time.Time  // when it began; zero: somebody must read now
	armed      bool       // timer runs
	soon       bool       // for what is held
	backlog    []*run     // that were read while it ran
	returning  int        // jobs that are being given back; none begins meanwhile
	lookingOut bool
	retired    bool // there will be no more jobs
	gone       bool // the pool is
	calls      map[uint64]chan reply
	lastCall   uint64
	wake       chan struct{} // one slot: lookOut has ended, or read a job
}

// run is a job in the worker.
type run struct {
	s        *server
	id       uint64
	f        *function // nil: unknown
	name     string
	arg      received
	limit    time.Duration // 0: none
	ctx      context.Context
	cancel   context.CancelCauseFunc
	canceled error       // before it began
	ended    atomic.Bool // what it has left behind may not speak for it
}

// reply is what CallParent waits for.
type reply struct {
	value received
	err   error
}

func newServer(c conn, exit func(int), lost func()) *server {
	s := &server{
		c: c, exit: exit, lost: lost, writing: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		sent: sentTypes{}, calls: make(map[uint64]chan reply),
		r: frame.NewReader(c.read, 1<<20),
	}
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

func (s *server) greet(h hello, bad error) error {
	body, _ := json.Marshal(h) // strings and numbers always can be
	s.send(frame.Hello, 0, 0, body)
	f, err := s.r.Next()
	if err != nil {
		return fmt.Errorf("no welcome: %w", err)
	}
	var w welcome
	if f.Type != frame.Welcome {
		return fmt.Errorf("%v in place of a welcome", f.Type)
	}
	if err := json.Unmarshal(f.Body, &w); err != nil {
		return fmt.Errorf("welcome: %w", err)
	}
	switch {
	case w.Error != "":
		return fmt.Errorf("pool %s refuses this worker: %s", w.Pool, w.Error)
	case w.Protocol != protocolVersion:
		return fmt.Errorf("the pool speaks version %d of the protocol, this worker version %d", w.Protocol, protocolVersion)
	case w.Codec == jsonCodec.String():
		s.codecs.codec = jsonCodec
	case w.Codec != gobCodec.String():
		return fmt.Errorf("the pool speaks the codec %q, this worker gob and json", w.Codec)
	}
	s.codecs.limit, s.shares = w.MaxPayload, w.Shared && h.Shared
	if w.Tray {
		fd, _ := s.c.takeFD()
		s.tray, _ = adoptTray(fd) // if limits forbid it each result is written by itself
	}
	s.r.SetLimit(w.MaxPayload + 1<<20)
	var r ready
	if bad != nil {
		r.Error = bad.Error()
	}
	body, _ = json.Marshal(r)
	s.send(frame.Ready, 0, 0, body)
	return bad
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
			s.flushHeld()
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

// job makes a job of its frame. Its argument is valid until the next is read.
func (s *server) job(f frame.Frame) *run {
	if len(f.Body) < 8 {
		s.misunderstood(errors.New("a job without a time limit"))
		return nil
	}
	j := &run{s: s, id: f.ID, f: registry.find(f.Name), limit: time.Duration(binary.BigEndian.Uint64(f.Body)) * time.Microsecond}
	if j.f == nil {
		j.name = string(f.Name)
	}
	f.Body = f.Body[8:]
	var mem *memory
	var err error
	if f.Flags&frame.Encoding == frame.Shared {
		mem, err = adoptFrom(s.c, &s.seen, f, s.codecs.limit)
	}
	if err == nil {
		j.arg, err = receive(s.codecs.codec, &s.codecs.types, f, mem)
	}
	if err != nil {
		s.misunderstood(err)
		return nil
	}
	return j
}

// misunderstood ends a worker that does not understand its pool.
func (s *server) misunderstood(err error) {
	fmt.Fprintln(os.Stderr, "procpool: worker:", err)
	s.exit(1)
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
}

// run runs a job and sends what it gave.
func (s *server) run(j *run) {
	prepared := false
	defer func() {
		if !prepared { // a decoder of the user's has ended the goroutine
			s.end(j)
			s.sendFailure(j, &edgeError{codeDecode, fmt.Errorf("decoding the argument: %w", eventual.ErrGoexit)})
		}
	}()
	call, err := s.begin(j)
	prepared = true
	if err != nil {
		s.end(j)
		s.sendFailure(j, err)
		return
	}
	protect(func() (payload, error) { return call(j.ctx) }, func(v payload, err error) {
		hold := s.end(j)
		if err != nil {
			s.sendFailure(j, err)
			return
		}
		s.putValue(frame.Result, j.id, "", v, hold)
	})
}

// begin makes everything ready for the call of the function.
func (s *server) begin(j *run) (call runFunc, err error) {
	if j.f == nil {
		j.arg.release()
		err = &edgeError{codeUnknown, fmt.Errorf("no function %q is registered", j.name)}
	} else {
		call, err = j.f.prepare(&s.codecs, j.arg)
	}
	j.arg = received{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = j.canceled
	}
	if err != nil {
		return nil, err
	}
	j.ctx = jobContext{context.Background(), j}
	stop := func() {}
	if j.limit > 0 {
		j.ctx, stop = context.WithTimeout(j.ctx, j.limit)
	}
	var cancel context.CancelCauseFunc
	j.ctx, cancel = context.WithCancelCause(j.ctx)
	j.cancel = func(cause error) { cancel(cause); stop() }
	s.running, s.begun = j, time.Now()
	if !s.armed { // it is left running from job to job: to set it each time would cost more than the jobs
		s.armed = true
		s.timer.Reset(lookOutAfter)
	}
	if s.gone {
		j.cancel(errPoolGone)
	}
	return call, nil
}

// end reports whether what j gave may wait to be written: the next job is there.
// Then the timer sees to it that it does not wait for a long one.
func (s *server) end(j *run) (hold bool) {
	s.mu.Lock()
	s.running = nil
	if hold = s.tray != nil && !s.lookingOut && s.r.Buffered(); hold && !s.soon {
		s.soon, s.armed = true, true
		s.timer.Reset(holdFor)
	}
	s.mu.Unlock()
	j.ended.Store(true)
	if j.cancel != nil {
		j.cancel(nil)
	}
	return hold
}

var errPoolGone = errors.New("procpool: the pool is gone")

// jobContext is the root of a job's ctx, by which the job is found.
type jobContext struct {
	context.Context
	run *run
}

type runKey struct{}

func (c jobContext) Value(key any) any {
	if key == (runKey{}) {
		return c.run
	}
	return c.Context.Value(key)
}

// runOf returns the job that ctx belongs to.
func runOf(ctx context.Context, op string) (*run, error) {
	if ctx == nil {
		return nil, fmt.Errorf("procpool: %s: nil ctx", op)
	}
	j, ok := ctx.Value(runKey{}).(*run)
	switch {
	case !ok:
		return nil, fmt.Errorf("procpool: %s: the ctx is not that of a job in a worker", op)
	case j.ended.Load():
		return nil, fmt.Errorf("procpool: %s: the job has ended", op)
	}
	return j, nil
}
