package reactor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/attention"
	"github.com/trestle-go/trestle/internal/histogram"
)

// The states of a reactor. They only ever go forward:
//
//	created -> running -> stopping -> stopped
//	created -> stopping -> stopped             stopped without having run
const (
	created  int32 = iota // calls queue up
	running               // the loop goroutine runs them
	stopping              // before-triggers run; calls are still accepted until they have
	stopped               // nothing runs and nothing is accepted
)

// Reactor is an event loop: one goroutine that runs everything handed to it, one
// thing at a time, in the order in which each caller handed it over. Its methods
// may be called by any goroutine, the loop's own included. Make one with [New].
type Reactor struct {
	// Immutable after New.
	cfg        Config
	base       time.Time // zero of its clock
	life       *eventual.Lifetime
	component  string // its name in errors and reports
	errStopped error
	done       chan struct{} // closed when it has stopped
	hand       *handDriven   // nil unless package reactortest drives it

	// What every submission reads, what it writes, what both sides write, and what
	// the loop writes at each callback are kept on cache lines of their own: two
	// lines apart, because processors fetch them in pairs.
	_      cacheLines
	loopID atomic.Int64 // identity of the loop's goroutine; 0 while there is none
	coID   atomic.Int64 // identity of the coroutine that has the turn; else 0
	_      cacheLines
	inbox  inbox
	_      cacheLines
	attn   atomic.Uint32 // attn bits
	_      cacheLines
	loop   loopState    // owned by whoever has the loop's turn
	coLive atomic.Int64 // coroutines begun and not ended
	_      cacheLines
	timers timers

	mu          sync.Mutex // guards what follows; nothing is called under it
	state       int32
	triggers    [phases][]*trigger
	stopErr     error
	inTrigger   []*triggerRun // that run, also when nobody waits for them any more
	begunPhases Phase         // of the shutdown: those below it
	ended       chan struct{} // closed when the loop has ended; nil before it runs

	live      liveSet
	watchdog  watchdog
	meter     meter
	lag       histogram.Histogram
	callbacks atomic.Uint64
	panics    atomic.Uint64
	stalls    atomic.Uint64
}

type cacheLines [128]byte

// New returns a reactor that is not running yet: what is handed to it waits for
// Start or Run.
func New(cfg Config) *Reactor {
	cfg = cfg.withDefaults()
	name := "reactor " + cfg.Name
	if cfg.Name == "reactor" {
		name = "reactor"
	}
	r := &Reactor{
		cfg:        cfg,
		base:       time.Now(),
		life:       eventual.NewLifetime(name),
		component:  name,
		errStopped: stoppedError{name},
		done:       make(chan struct{}),
	}
	r.loop.spares.local = true
	r.life.Hold()
	r.live.works = make(map[aborter]struct{})
	return r
}

// stoppedError is ErrStopped with the reactor's name.
type stoppedError struct{ component string }

func (e stoppedError) Error() string { return e.component + ": stopped" }
func (e stoppedError) Unwrap() error { return eventual.ErrStopped }

// Name returns Config.Name.
func (r *Reactor) Name() string { return r.cfg.Name }

// Start runs the loop on a goroutine of its own, which ends with Stop. Starting
// again, or after Stop, does nothing. A program that just returns from main need
// not stop its reactors.
func (r *Reactor) Start() {
	if r.begin() {
		go r.serveAll() // ended by Stop
	}
}

// Run runs the loop until Stop was called, by whomever, or ctx is done, which
// begins a shutdown that Config.StopTimeout bounds. It returns when the reactor
// has stopped, with the shutdown's error. The loop has a goroutine of its own all
// the same, so that runtime.Goexit in a callback does not end the caller's, which
// may be locked to its thread.
func (r *Reactor) Run(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("%s: Run: nil ctx", r.component)
	}
	if !r.begin() {
		return fmt.Errorf("%s: Run: started or stopped before", r.component)
	}
	detach := context.AfterFunc(ctx, func() { r.beginStop(context.Background()) })
	defer detach()
	go r.serveAll() // ended by Stop
	<-r.done
	return r.shutdownError()
}

// begin takes the reactor from created to running.
func (r *Reactor) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != created {
		return false
	}
	r.state = running
	r.life.Begin()
	r.ended = make(chan struct{})
	r.inbox.mu.Lock()
	r.inbox.wake = make(chan struct{}, 1)
	r.inbox.mu.Unlock()
	r.meter.begin(r.clock())
	r.startTimers()
	r.startWatchdog()
	return true
}

// refuses reports whether submissions are refused because the reactor stopped.
func (r *Reactor) refuses() bool { return r.life.Context().Err() != nil }

// Call has f called on the reactor's goroutine. It returns an error only if the
// reactor has stopped, which matches [eventual.ErrStopped], or f is nil. A panic
// of f is logged and goes no further. A call that was accepted and not run before
// Stop is dropped.
func (r *Reactor) Call(f func()) error {
	if f == nil {
		return errors.New(r.component + ": Call: nil function")
	}
	if !r.post(call(f)) {
		return r.errStopped
	}
	return nil
}

// Busy reports whether anything waits for the loop's turn: a callback that could
// go on for long may ask now and then, and submit the rest of itself. It costs
// one atomic load.
func (r *Reactor) Busy() bool { return r.attn.Load()&attnBusy != 0 }

// Attention is what Busy says, for packages of Trestle that ask at each step.
func (r *Reactor) Attention() (of any, w attention.Word) { return r, attention.Of(&r.attn, attnBusy) }

const attnBusy = attnInbox | attnLocal | attnTimer | attnStop
