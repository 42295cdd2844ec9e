package procpool

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/histogram"
)

// The states of a pool. They only ever go forward.
const (
	running  = iota // workers run jobs
	draining        // nothing new is accepted; what was accepted still runs
	stopped         // what was queued has been refused, and what runs is killed
)

// Pool runs registered functions in worker processes. Its methods may be called by
// any goroutine. Make one with [New].
type Pool struct {
	// Immutable after New.
	cfg        Config
	component  string
	encoder    encoder
	base       time.Time // zero of its clock
	life       *eventual.Lifetime
	errStopped error
	starter    *starter // nil with InProcess
	log        *logQueue
	oom        oomCounter
	done       chan struct{} // closed when it has stopped and no worker is left
	finish     func()        // closes done, once
	closeOnce  sync.Once     // for what serves the workers

	mu       sync.Mutex // guards what follows, and the fields of workers and jobs that say so; nothing blocks under it and no user code runs
	state    int
	min, max int
	queue    queue
	workers  map[*worker]struct{}
	idle     []*worker // the last to become idle on top
	starting int       // workers that do not serve yet
	leaving  int       // workers that are recycling, dying or gone
	calls    int       // functions of ours that workers wait for, and results that wait for onProgress
	lastID   uint64    // of a job
	lastWork int       // number of a worker
	trouble  trouble

	succeeded, failed, retried, started, died atomic.Uint64
	waitTimes, runTimes                       histogram.Histogram
}

// New returns a pool with Min workers on their way.
//
// In a process that is itself a worker it returns an error: that program has not
// called [ServeIfWorker] first.
func New(cfg Config) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	name := "procpool " + cfg.Name
	if os.Getenv(markVar) != "" && !cfg.InProcess {
		return nil, fmt.Errorf("%s: this process was started as a worker, but the program has not called procpool.ServeIfWorker; call it first in main, or in TestMain", name)
	}
	if err := registry.seal("New"); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := &Pool{
		cfg: cfg, component: name, base: time.Now(),
		life: eventual.NewLifetime(name), errStopped: stoppedError{name}, done: make(chan struct{}),
		encoder: encoder{limit: cfg.MaxPayload, kept: new(memories)},
		min:     cfg.Min, max: cfg.Max, workers: make(map[*worker]struct{}),
	}
	p.finish = sync.OnceFunc(func() { close(p.done) })
	if !cfg.InProcess {
		l, err := newLaunch(cfg)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.starter = newStarter(l)
		p.oom = newOOMCounter(cfg.Limits.Cgroup)
		if len(cfg.Command) > 0 {
			p.encoder.codec = jsonCodec
		}
	}
	p.log = newLogQueue(p.logger())
	p.mu.Lock()
	p.growLocked()
	p.mu.Unlock()
	return p, nil
}

// AdjustPoolSize changes Min and Max, also while the pool runs: workers above the
// new Max end when their job has.
func (p *Pool) AdjustPoolSize(minimum, maximum int) error {
	if err := checkSizes(minimum, maximum); err != nil {
		return p.errorf("%w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state >= draining {
		return p.errStopped
	}
	p.min, p.max = minimum, maximum
	p.growLocked()
	p.wakeIdleLocked() // they look at the sizes again
	return nil
}

// submit puts t into the queue and sees to it that a worker takes it.
func (p *Pool) submit(t task) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refusalLocked(); err != nil {
		return err
	}
	if p.cfg.QueueLimit > 0 && p.queue.len() >= p.cfg.QueueLimit {
		return fmt.Errorf("%s: %w: %d jobs wait", p.component, ErrQueueFull, p.cfg.QueueLimit)
	}
	j := t.core()
	p.lastID++
	j.id = p.lastID
	j.submitted = p.clock()
	p.queue.push(t)
	p.dispatchLocked()
	return nil
}

// refusal returns why nothing is accepted, if so.
func (p *Pool) refusal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refusalLocked()
}

func (p *Pool) refusalLocked() error {
	if p.state >= draining {
		return p.errStopped
	}
	return p.trouble.refusing
}

// dispatchLocked wakes an idle worker for what waits, or starts one.
func (p *Pool) dispatchLocked() {
	if n := len(p.idle); n > 0 {
		p.wakeLocked(p.idle[n-1])
		return
	}
	p.growLocked()
}

// wakeLocked has an idle worker look for something to do.
func (p *Pool) wakeLocked(w *worker) {
	p.unparkLocked(w)
	w.wake()
}

func (p *Pool) parkLocked(w *worker) {
	w.parked = true
	p.idle = append(p.idle, w)
}

func (p *Pool) unparkLocked(w *worker) {
	if w.parked {
		w.parked = false
		i := slices.Index(p.idle, w)
		p.idle = slices.Delete(p.idle, i, i+1)
	}
}

func (p *Pool) wakeIdleLocked() {
	for len(p.idle) > 0 {
		p.wakeLocked(p.idle[len(p.idle)-1])
	}
}

// servingLocked is how many workers there are that have not been told to end.
func (p *Pool) servingLocked() int { return len(p.workers) - p.leaving }

// growLocked starts workers up to Min, and as many more as waiting jobs need, up
// to Max. While workers fail to start it leaves that to the next attempt.
func (p *Pool) growLocked() {
	if p.state == stopped || p.trouble.waitingLocked() {
		return
	}
	for {
		serving := p.servingLocked()
		needed := p.state == running && serving < p.min || p.queue.len() > p.starting+len(p.idle)
		if !needed || serving >= p.max || p.trouble.failures > 0 && p.starting > 0 {
			return
		}
		p.spawnLocked()
	}
}

func (p *Pool) spawnLocked() {
	p.lastWork++
	w := newWorker(p, p.lastWork)
	p.workers[w] = struct{}{}
	p.starting++
	p.started.Add(1)
	go w.main() // ends when its process has; see worker
}

// leaveLocked takes w out of those that serve. What it leaves undone is for others.
func (p *Pool) leaveLocked(w *worker, to State) {
	if w.state == Starting {
		p.starting--
	}
	if w.state < Recycling {
		p.leaving++
	}
	w.setLocked(to)
	p.unparkLocked(w)
}

// gone takes a worker that has ended out of the pool; back are the jobs that it
// was given and never began.
func (p *Pool) gone(w *worker, back []task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaveLocked(w, Gone)
	delete(p.workers, w)
	p.leaving--
	p.putBackLocked(back)
	p.settleLocked()
}

// putBackLocked returns jobs to the front of the queue.
func (p *Pool) putBackLocked(back []task) {
	for _, t := range back {
		t.core().worker = nil
	}
	p.queue.putBack(back)
	for range min(p.queue.len(), len(p.idle)) {
		p.dispatchLocked()
	}
	p.growLocked()
}

// settleLocked sees a pool that is stopping and has nothing left to do to its end.
func (p *Pool) settleLocked() {
	if p.state < draining || p.queue.len() > 0 {
		return
	}
	p.wakeIdleLocked() // to end
	for w := range p.workers {
		if w.state == Starting {
			w.wake()
		}
	}
	if len(p.workers) == 0 && p.calls == 0 {
		p.trouble.endLocked()
		p.finish()
	}
}

// askToStop has the worker that has j tell it to stop.
func (p *Pool) askToStop(j *jobCore, why stopAsk, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if j.ask == stopNot {
		j.ask, j.cause = why, cause
		if j.worker != nil {
			j.worker.wake()
		}
	}
}

func (p *Pool) clock() time.Duration { return time.Since(p.base) }

func (p *Pool) logger() *slog.Logger {
	l := p.cfg.Logger
	if l == nil {
		l = slog.Default()
	}
	return l.With("pool", p.cfg.Name)
}

// startChild starts the process of w.
func (p *Pool) startChild(w *worker) (child, error) {
	if p.cfg.InProcess {
		return startInProcess(w.id), nil
	}
	return p.starter.start()
}

func (p *Pool) errorf(format string, args ...any) error {
	return fmt.Errorf(p.component+": "+format, args...)
}
