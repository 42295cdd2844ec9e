package procpool

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/histogram"
)

// The states of a pool. They only ever go forward.
const (
	created  = iota // jobs queue up
	running         // workers run them
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
	attendOnce sync.Once     // for who sees to that when no Stop waits for it

	stateChanged func(*worker, State) // of tests, called under mu before the change; immutable after Start; may be nil

	mu       sync.Mutex // guards what follows, and the fields of workers and jobs that say so; nothing blocks under it and no user code runs
	state    int
	min, max int
	queue    queue
	workers  map[*worker]struct{}
	idle     []*worker // the last to become idle on top
	starting int       // workers that do not serve yet
	leaving  int       // workers that are recycling, dying or gone
	calls    int       // functions of ours that workers wait for, results that wait for onProgress, and jobs that are about to end outside of a worker
	lastID   uint64    // of a job
	lastWork int       // number of a worker
	trouble  trouble

	oomDeaths uint64 // how far oom has been made out to be deaths of workers

	succeeded, failed, retried, started, died atomic.Uint64
	waitTimes, runTimes                       histogram.Histogram
}

// New returns a pool with Min workers on their way, unless cfg.Stopped says not to
// start it.
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
	p.life.Hold()
	if !cfg.Stopped {
		p.Start()
	}
	return p, nil
}

// Start starts Min workers, and as many more as waiting jobs need, up to Max.
// Starting again, or after Stop, does nothing.
func (p *Pool) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == created {
		p.state = running
		p.life.Begin()
		p.growLocked()
	}
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
	w, err := p.enqueue(t)
	if w != nil {
		w.attend(t)
	}
	return err
}

// enqueue puts t into the queue. It returns the worker that is to take it, if one is
// idle.
func (p *Pool) enqueue(t task) (*worker, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refusalLocked(); err != nil {
		return nil, err
	}
	if p.cfg.QueueLimit > 0 && p.queue.len() >= p.cfg.QueueLimit {
		return nil, fmt.Errorf("%s: %w: %d jobs wait", p.component, ErrQueueFull, p.cfg.QueueLimit)
	}
	j := t.core()
	if j.ask != stopNot {
		return nil, context.Canceled // its ctx has ended this very moment, and it with its ctx
	}
	p.lastID++
	j.id = p.lastID
	j.submitted = p.clock()
	p.queue.push(t)
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.unparkLocked(w)
		return w, nil
	}
	p.growLocked()
	return nil, nil
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
