package threadpool

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/histogram"
)

// ErrQueueFull says that as many jobs wait as Config.QueueLimit allows. It matches
// [eventual.ErrQueueFull].
var ErrQueueFull error = queueFullError{}

type queueFullError struct{}

func (queueFullError) Error() string        { return "threadpool: queue is full" }
func (queueFullError) Is(target error) bool { return target == eventual.ErrQueueFull }

// The states of a pool. They only ever go forward.
const (
	created  = iota // jobs queue up
	running         // workers run them
	draining        // nothing new is accepted; what was accepted still runs
	stopped         // what was queued has been refused, and the ctx of what runs is cancelled
)

// Pool runs blocking functions on a bounded number of goroutines or threads. Its
// methods may be called by any goroutine, its own workers included. Make one with
// [New].
type Pool struct {
	// Immutable after New.
	cfg        Config
	component  string
	base       time.Time // zero of its clock
	life       *eventual.Lifetime
	errStopped error
	done       chan struct{} // closed when it has stopped and nothing runs
	patience   int           // how many turns a worker that has nothing to do lingers before it is idle
	dozeFor    time.Duration // how long an idle one dozes before it parks; see doze.go
	brief      time.Duration // and what idle time makes it doze

	_ [64]byte // what is above is read all the time

	mu        sync.Mutex // guards what follows; nothing blocks and no job runs under it
	state     int
	min, max  int
	queue     queue
	senders   []*sender // that wait for room, the first in front
	workers   map[*worker]struct{}
	sharers   []*worker     // that have taken several jobs at once, and may not have begun all
	idle      []*worker     // parked, the last to park on top; they hold no slot
	resuming  []*worker     // that wait for a slot to go on with after a wait, the first in front
	slots     int           // held by workers that run, or look for, a job; never more than max
	coming    int           // of these, by workers that are to look for a job and have not yet
	prompt    int           // of these, those that nothing but the scheduler keeps from it
	leaving   int           // workers that are ending
	quick     bool          // the last jobs that ended were short
	listening bool          // workers linger, and have not been told by bell of a submission since
	rescueAt  time.Duration // when to look again for workers that hold jobs up
	sweepIn   int           // refusals until a full queue is searched for dead jobs again
	alarm     *time.Timer   // of the slow-job watch; nil unless it is set
	opening   *time.Timer   // lets those in who wait for room and were held back; nil unless it is set
	retired   uint64        // what workers that are gone have succeeded with

	_ [64]byte // what follows is read, or written, by workers that do not hold mu

	bell                atomic.Bool  // see listening; written with mu held
	lag                 atomic.Int64 // how long somebody has looked for the result of a locked thread's job, too long or in vain; 0 if nobody has
	lent                atomic.Int64 // workers that gave their slot while they wait; written with mu held
	failed              atomic.Uint64
	panicked, slow      atomic.Uint64
	waitTimes, runTimes histogram.Histogram
}

// stoppedError is ErrStopped with the pool's name.
type stoppedError struct{ component string }

func (e stoppedError) Error() string { return e.component + ": stopped" }
func (e stoppedError) Unwrap() error { return eventual.ErrStopped }

// New returns a pool that is started, unless cfg.Stopped says not to.
func New(cfg Config) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	name := "threadpool " + cfg.Name
	p := &Pool{
		cfg: cfg, component: name, base: time.Now(),
		life: eventual.NewLifetime(name), errStopped: stoppedError{name}, done: make(chan struct{}),
		min: cfg.Min, max: cfg.Max, workers: make(map[*worker]struct{}), patience: turns,
	}
	if cfg.LockOSThread {
		p.patience = 0
		if canDoze {
			p.dozeFor, p.brief = min(dozeFor, cfg.IdleTimeout), brief
		}
	}
	p.life.Hold()
	if !cfg.Stopped {
		p.Start()
	}
	return p, nil
}

// Start puts Min workers to work, and as many more as waiting jobs need, up to
// Max. Starting again, or after Stop, does nothing.
func (p *Pool) Start() {
	p.mu.Lock()
	if p.state != created {
		p.mu.Unlock()
		return
	}
	p.state = running
	p.life.Begin()
	p.watchSlowLocked() // it was not while nothing ran
	wake := p.growLocked()
	p.mu.Unlock()
	wakeAll(wake)
}

// AdjustPoolSize changes Min and Max, also while the pool runs: workers above the
// new Max end when their job has.
func (p *Pool) AdjustPoolSize(minimum, maximum int) error {
	if err := checkSizes(p.cfg.Name, minimum, maximum); err != nil {
		return err
	}
	p.mu.Lock()
	if p.state >= draining {
		p.mu.Unlock()
		return p.errStopped
	}
	lower := minimum < p.min
	p.min, p.max = minimum, maximum
	p.ringLocked()
	var wake []*worker
	if p.state == running {
		if p.slots > p.max { // those who take several jobs at once are to stop after this one
			p.recallLocked()
		}
		wake = p.growLocked()
		// Idle workers look at the sizes again when they wake: they end if there are too
		// many, and those that were to idle for ever may not have to any more.
		for surplus := p.stayingLocked() - p.lentLocked() - p.max; (surplus > 0 || lower) && len(p.idle) > 0; surplus-- {
			wake = append(wake, p.popIdleLocked())
		}
	}
	p.mu.Unlock()
	wakeAll(wake)
	return nil
}

// growLocked puts workers to work for what waits, within Max, and makes idle ones
// up to Min. It returns those to wake.
func (p *Pool) growLocked() (wake []*worker) {
	wake = p.feedLocked()
	for p.stayingLocked() < p.min && p.slots < p.max {
		p.spawnLocked()
	}
	return wake
}

// quietLocked reports whether a pool that is stopping has nothing left to do.
func (p *Pool) quietLocked() bool {
	return p.state >= draining && p.queue.len() == 0 && p.slots == 0 && p.lentLocked() == 0 && len(p.resuming) == 0 && len(p.senders) == 0
}

// spentLocked reports whether a pool that is stopping will never have another job to
// begin, although some may run.
func (p *Pool) spentLocked() bool {
	return p.state >= draining && len(p.senders) == 0 && p.waitingLocked() == 0
}

// settleLocked sees a stopping pool that has nothing left to do to its end. It
// returns the idle workers, who end when they wake.
func (p *Pool) settleLocked() (wake []*worker) {
	if !p.quietLocked() {
		return nil
	}
	for len(p.idle) > 0 {
		wake = append(wake, p.popIdleLocked())
	}
	if len(p.workers) == 0 {
		select {
		case <-p.done:
		default:
			close(p.done)
			if p.alarm != nil {
				p.alarm.Stop()
			}
		}
	}
	return wake
}

func (p *Pool) lentLocked() int { return int(p.lent.Load()) }

// stayingLocked is how many workers have not made up their mind to end.
func (p *Pool) stayingLocked() int { return len(p.workers) - p.leaving }

func wakeAll(ws []*worker) {
	for _, w := range ws {
		w.wake()
	}
}

func (p *Pool) clock() time.Duration { return time.Since(p.base) }

func (p *Pool) log() *slog.Logger {
	if p.cfg.Logger != nil {
		return p.cfg.Logger
	}
	return slog.Default()
}

func (p *Pool) errorf(format string, args ...any) error {
	return fmt.Errorf(p.component+": "+format, args...)
}
