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

	mu       sync.Mutex // guards what follows; nothing blocks and no job runs under it
	state    int
	min, max int
	queue    queue
	senders  []*sender // that wait for room, the first in front
	workers  map[*worker]struct{}
	idle     []*worker   // parked, the last to park on top; they hold no slot
	resuming []*worker   // that wait for a slot to go on with after a wait, the first in front
	slots    int         // held by workers that run, or look for, a job; never more than max
	lent     int         // workers that gave theirs while they wait
	leaving  int         // workers that are ending
	refusing error       // why no worker can be had; nil if one can
	alarm    *time.Timer // of the slow-job watch; nil unless it is set

	spare               atomic.Int64 // jobs that workers have taken several at once and not begun
	succeeded, failed   atomic.Uint64
	panicked, slow      atomic.Uint64
	submitted           atomic.Uint64
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
		min: cfg.Min, max: cfg.Max, workers: make(map[*worker]struct{}),
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
	p.min, p.max = minimum, maximum
	var wake []*worker
	if p.state == running {
		wake = p.growLocked()
		// Idle workers look at the sizes again when they wake.
		for surplus := p.stayingLocked() - p.lent - p.max; surplus > 0 && len(p.idle) > 0; surplus-- {
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
	for range p.queue.len() + int(p.spare.Load()) {
		w, ok := p.dispatchLocked()
		if !ok {
			break
		}
		if w != nil {
			wake = append(wake, w)
		}
	}
	for p.stayingLocked() < p.min && p.slots < p.max {
		p.spawnLocked()
	}
	return wake
}

// dispatchLocked gives a free slot, if there is one, to a worker that is to look
// for a job: to one that waits to go on, an idle one, or a new one, in this order.
// The worker that it returns must be woken.
func (p *Pool) dispatchLocked() (w *worker, ok bool) {
	if p.slots >= p.max || p.state == created {
		return nil, false
	}
	switch {
	case len(p.resuming) > 0:
		w = p.resuming[0]
		p.resuming = p.resuming[1:]
	case len(p.idle) > 0:
		w = p.popIdleLocked()
	default:
		p.spawnLocked()
		return nil, true
	}
	p.slots++
	w.slot = true
	return w, true
}

func (p *Pool) popIdleLocked() *worker {
	top := len(p.idle) - 1
	w := p.idle[top]
	p.idle[top] = nil
	p.idle = p.idle[:top]
	w.idle = false
	return w
}

// spawnLocked starts a worker, with a slot.
func (p *Pool) spawnLocked() {
	w := &worker{p: p, slot: true, wakeup: make(chan struct{}, 1)}
	p.workers[w] = struct{}{}
	p.slots++
	go w.main() // ends by idling above Min, by a smaller Max, or with the pool
}

// releaseLocked takes w's slot back.
func (p *Pool) releaseLocked(w *worker) {
	if w.slot {
		w.slot = false
		p.slots--
	}
}

// handOnLocked gives a slot that became free to one that waits to go on, or to a
// worker for what waits in the queue.
func (p *Pool) handOnLocked() (wake []*worker) {
	if len(p.resuming) > 0 || p.queue.len() > 0 {
		if w, ok := p.dispatchLocked(); ok && w != nil {
			wake = append(wake, w)
		}
	}
	return wake
}

// quietLocked reports whether a pool that is stopping has nothing left to do.
func (p *Pool) quietLocked() bool {
	return p.state >= draining && p.queue.len() == 0 && p.slots == 0 && p.lent == 0 && len(p.resuming) == 0 && len(p.senders) == 0
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
		}
	}
	return wake
}

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
