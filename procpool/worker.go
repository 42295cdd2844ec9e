package procpool

import (
	"errors"
	"time"

	"github.com/trestle-go/trestle/internal/frame"
)

// State is what a worker is doing.
type State uint8

// The states of a worker, and how it comes from one to the next:
//
//	Starting   -> Idle        it said that it serves
//	Idle       -> Busy        it was given a job
//	Busy       -> Idle        its jobs have ended
//	Busy       -> Canceling   its job was asked to stop
//	Canceling  -> Busy        the job has ended within Grace
//	Idle, Busy -> Recycling   it has no job and was told to exit: it has run RecycleAfter jobs,
//	                          holds more than MaxRSS, was idle too long, or is not needed any more
//	any        -> Dying       it was killed, or found to have ended
//	Dying      -> Gone        everything that it wrote was read
//	Starting   -> Gone        there was no process to be started
//
// From Recycling on it counts as gone already for Max: another may take its place.
const (
	Starting State = iota
	Idle
	Busy
	Canceling
	Recycling
	Dying
	Gone
)

func (s State) String() string {
	return [...]string{"starting", "idle", "busy", "canceling", "recycling", "dying", "gone"}[s]
}

// How far a worker may be given jobs ahead, and when. A job that was sent has not
// begun before the result of the one before it was written, or put into the tray,
// and either can be read after the worker's death: so of several jobs that a dead
// worker had, the first may have begun and the others have not, and can be given to
// another worker without running anything twice.
//
// Jobs are only sent ahead while they are short, no more than will probably have run
// within patience, and none waits behind a long one for longer: then it is called back.
// The two processes take turns if jobs are very short, and the more of them there are a
// turn, the less its two wake-ups weigh. What is more than the worker reads at once does
// not help.
const (
	maxAhead  = 256
	aheadSize = frame.Buffer // bytes of arguments, that are sent at a time
	short     = 200 * time.Microsecond
	patience  = 2 * time.Millisecond
)

// lastWords is how long a worker that has ended is listened to for what others,
// which it left behind, may keep open, and how long one that has closed its
// connection has to end.
const lastWords = time.Second

// worker is one worker process, as the pool has it. One goroutine at a time owns it.
type worker struct {
	// Immutable after newWorker.
	p       *Pool
	id      int
	kick    chan struct{} // one slot: look at what p.mu guards
	own     chan struct{} // one slot: a lock, of what is said below to be owned; a user's OnDone may be called by who has it
	exited  chan exit     // one slot, from the waiting goroutine
	wrote   chan error    // one slot, from the writing goroutine
	answers chan answer   // from functions of the pool's process that it called
	over    chan struct{} // closed when nobody takes answers any more

	// Guarded by p.mu.
	state   State
	pid     int
	current *jobCore // the job that runs
	since   time.Duration
	jobs    uint64 // that ended here
	quit    bool   // it is to be killed: the pool waits no longer
	parked  bool   // it is in p.idle
	spent   bool   // it is to be recycled

	// Owned by who holds own, once the process is there: main, the goroutine that
	// reads, or one that submits a job.
	child  child
	codecs codecs
	sent   sentTypes
	shares bool // shared memory can be sent
	output *output

	came uint64 // how many bytes were read; the reader's alone

	tray     *tray  // where the worker leaves what it does not write; may be nil
	taken    uint64 // how many bytes were taken from the tray
	handled  uint64 // how many came, either way, and were seen to
	sentSize uint64 // how many went to the worker, either way
	loan     []byte // room for what is taken
	lastRead bool   // the connection has ended; what is in the tray is the reader's
	mayRest  int    // how many bytes more that may be

	out, next outbox // next is filled while out is written by another goroutine
	writing   bool
	calls     int // that came in and whose answers are not known to be written

	line     []task // that were sent, the first of which runs
	begun    time.Duration
	pace     time.Duration // how long jobs take, roughly
	batch    batch         // what came in; it belongs to who reads unless handling
	handling bool          // of batch
	oom      uint64        // what the counter showed at the start

	greeted  bool // it said hello
	serves   bool // it said that it is ready
	retired  bool // it was told to exit
	ended    bool // end was called; main's alone
	due      deadlines
	timer    *time.Timer
	armed    time.Duration // when timer strikes; 0: never
	killed   killReason
	detail   string // of a violation
	startErr error  // why it does not serve
	readErr  error  // how reading ended
	status   *exit  // how the process ended
	starved  bool   // for want of memory
}

// batch is what was read in one go.
type batch struct {
	frames []frame.Frame
	next   int   // that was not looked at
	err    error // after the last
}

// killReason is why the pool killed a worker.
type killReason uint8

const (
	killNot killReason = iota
	killStart
	killJob       // its job did not stop
	killViolation // it broke the protocol
	killClosed    // it closed its connection
	killStop      // the pool stops
	killLate      // it was told to exit and did not
)

func newWorker(p *Pool, id int) *worker {
	return &worker{
		p: p, id: id,
		kick: make(chan struct{}, 1), own: make(chan struct{}, 1),
		exited: make(chan exit, 1), wrote: make(chan error, 1),
		answers: make(chan answer), over: make(chan struct{}),
		codecs: codecs{encoder: p.encoder},
		sent:   sentTypes{}, pace: 10 * time.Millisecond,
	}
}

// wake has main look at what p.mu guards.
func (w *worker) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// setLocked is where a worker's state changes; one that leaves never comes back.
func (w *worker) setLocked(s State) {
	if w.state == s || w.state > s && w.state >= Recycling {
		return
	}
	if w.p.stateChanged != nil {
		w.p.stateChanged(w, s)
	}
	w.state = s
}

// readEnded: nothing more will come.
func (w *worker) readEnded(err error) {
	w.readErr = err
	var bad *frame.Error
	switch {
	case w.status != nil || w.killed != killNot:
	case errors.As(err, &bad):
		w.violation(err)
	case w.stateIs(Recycling):
	default:
		// Usually because it has ended, which is about to be known.
		w.due.exit = w.p.clock() + lastWords
		w.toState(Dying)
	}
}

// broken: what is written does not arrive any more. Reading will tell why.
func (w *worker) broken(error) {
	w.out.reset()
	w.next.reset()
	if w.due.exit == 0 && w.status == nil {
		w.due.exit = w.p.clock() + lastWords
	}
}

// violation ends a worker that cannot be understood.
func (w *worker) violation(err error) {
	if w.killed == killNot {
		w.detail = err.Error()
	}
	w.kill(killViolation)
}

// kill ends the process and what it has started.
func (w *worker) kill(why killReason) {
	if w.killed == killNot {
		w.killed = why
	}
	w.toState(Dying)
	sig := w.p.cfg.KillSignal
	if w.due.kill != 0 || why != killJob { // asked before, or nothing to be gentle about
		sig = sigKill
	}
	w.due = deadlines{}
	if sig != sigKill {
		w.due.kill = later(w.p.clock(), max(w.p.cfg.Grace, time.Millisecond))
	}
	w.child.process.kill(sig)
}

func (w *worker) toState(s State) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	if s >= Recycling {
		served := w.state > Starting && w.state < Recycling
		w.p.leaveLocked(w, s)
		if served { // else its place is taken already, or judge says first whether it is to be at once
			w.p.growLocked()
		}
		return
	}
	w.setLocked(s)
}

func (w *worker) stateIs(s State) bool {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	return w.state == s
}
