package procpool

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/histogram"
	"github.com/trestle-go/trestle/internal/park"
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
		w.attend()
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
	if p.state == created || p.state == stopped || p.trouble.waitingLocked() {
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
	p.leaveLocked(w, Gone)
	delete(p.workers, w)
	p.leaving--
	unwanted := p.putBackLocked(back)
	p.calls += len(unwanted)
	p.settleLocked()
	p.mu.Unlock()
	for _, t := range slices.Backward(unwanted) {
		defer p.withdraw(t) // all, also if what one calls ends the goroutine
	}
}

// putBackLocked returns jobs to the front of the queue. Those that were asked to
// stop meanwhile, or all if the pool has stopped, are returned: they are to end.
func (p *Pool) putBackLocked(back []task) (unwanted []task) {
	for _, t := range back {
		j := t.core()
		j.worker = nil
		if j.ask != stopNot || p.state == stopped {
			unwanted = append(unwanted, t)
		} else {
			p.queue.putBack(t)
		}
	}
	for range min(p.queue.len(), len(p.idle)) {
		p.dispatchLocked()
	}
	p.growLocked()
	return unwanted
}

// withdraw ends a job that a worker had and none is to have again. It is one of
// the pool's calls.
func (p *Pool) withdraw(t task) {
	defer p.callEnded()
	t.fail(p.unwanted(t.core()))
}

// unwanted is the error of a job that has not begun and is not to; nil if it is.
func (p *Pool) unwanted(j *jobCore) error {
	p.mu.Lock()
	ask, state := j.ask, p.state
	p.mu.Unlock()
	switch {
	case ask == stopTimeUp && j.retried:
		return &TimeoutError{After: p.clock() - j.begun, component: p.component, job: j.f.name}
	case ask == stopTimeUp:
		return &TimeoutError{component: p.component, job: j.f.name}
	case ask == stopCanceled:
		return p.canceled(j)
	case state == stopped:
		return p.errStopped
	}
	return nil
}

// canceled is the error of a job that stopped because it was asked to.
func (p *Pool) canceled(j *jobCore) error {
	p.mu.Lock()
	cause := j.cause
	p.mu.Unlock()
	if cause == nil {
		return eventual.ErrCanceled
	}
	return p.errorf("%s: %w", j.f.name, cause)
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

// askToStop has the worker that has j tell it to stop, and takes it out of the
// queue if none has it.
func (p *Pool) askToStop(j *jobCore, why stopAsk, cause error) {
	p.mu.Lock()
	t := p.askLocked(j, why, cause)
	p.settleLocked()
	p.mu.Unlock()
	switch {
	case t == nil:
	case j.ctx == nil: // no worker ever had it, and so it has ended already
		j.release()
	default:
		go func() { // ends when all were told that wait for the result
			id := park.Enter(ownerHook{p})
			defer park.Leave(id)
			p.withdraw(t)
		}()
	}
}

// askLocked returns the job if it was in the queue.
func (p *Pool) askLocked(j *jobCore, why stopAsk, cause error) task {
	if j.ask != stopNot {
		return nil
	}
	j.ask, j.cause = why, cause
	if j.worker != nil {
		j.worker.wake()
		return nil
	}
	t := p.queue.remove(j.id) // nil: it has ended, or is on its way into the queue
	if t != nil && j.ctx != nil {
		p.calls++
	}
	return t
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
