package threadpool

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/park"
)

// batch is how many jobs a worker takes at once when many wait: enough to make
// the pool's lock cheap, few enough that one slow job does not hold many up. What
// it has not begun is given back when it waits or its job takes long, and taken by
// those who find nothing else.
const batch = 32

// worker is a goroutine, and with LockOSThread a thread, that runs jobs. It holds
// a slot while it runs or looks for one:
//
//	looking -> running -> looking        the slot is its own
//	looking -> idle -> looking           it has none while idle
//	running -> waiting -> running        it lends the slot while its job waits
//	looking -> gone
type worker struct {
	p      *Pool
	wakeup chan struct{} // one slot; made by the worker's goroutine's creator
	timer  *time.Timer   // of the idle timeout; owned by the worker

	slot    bool // it holds a slot; guarded by p.mu
	idle    bool // it is on p.idle; guarded by p.mu
	lingers bool // counted in p.lingering; guarded by p.mu

	returned  uint64        // calls since the last advance; owned by the worker
	succeeded atomic.Uint64 // jobs with a result; counted by worker, so that workers do not write to one place

	mu       sync.Mutex // guards what follows; nothing happens under it
	id       int64      // of its goroutine
	mine     []entry    // taken and not begun; in store
	store    []entry    // of batch entries, empty
	shares   bool       // it took several at once and has not begun all; counted in p.sharing
	current  task       // that runs; nil between jobs
	began    time.Duration
	reported bool   // current, as slow
	calls    uint64 // that returned, as of the last advance
}

func (w *worker) wake() { w.wakeup <- struct{}{} }

// main is the worker's goroutine. If a job ends it with Goexit, another goroutine
// goes on in its place, with the same slot.
func (w *worker) main() {
	p := w.p
	if p.cfg.LockOSThread {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	}
	id := park.Enter(workerHook{w})
	w.mu.Lock()
	w.id = id
	w.mu.Unlock()
	if err := p.startThread(); err != nil {
		park.Leave(id)
		p.workerFailed(w, err)
		return
	}
	returned := false
	defer func() {
		p.stopThread()
		park.Leave(id)
		if returned {
			p.gone(w)
			return
		}
		w.finish()
		go w.main() // ends as this one would have
	}()
	w.runBatch() // what a goroutine that ended has left
	for w.next() {
		w.runBatch()
	}
	returned = true
}

// runBatch runs what the worker has taken. Reading the clock costs as much as a
// short job, so a job that nobody times is taken to begin when the first of its
// batch did, unless slow jobs are looked for.
func (w *worker) runBatch() {
	p := w.p
	now := p.clock()
	for first := true; ; first = false {
		e := w.advance(now)
		if e.task == nil {
			return
		}
		if e.at != 0 {
			if !first {
				now = w.restart()
			}
			p.waitTimes.Record(now - e.at)
		}
		e.task.run(w)
		if e.at != 0 || p.cfg.SlowJob > 0 {
			end := p.clock()
			if e.at != 0 {
				p.runTimes.Record(end - now)
			}
			now = end
		}
	}
}

// restart sets the time at which the current job began.
func (w *worker) restart() time.Duration {
	now := w.p.clock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = now
	return now
}

// advance ends the job that ran and begins the next of the worker's own, if there
// is one.
func (w *worker) advance(now time.Duration) (e entry) {
	w.mu.Lock()
	w.calls += w.returned
	w.returned = 0
	w.current = nil
	if len(w.mine) > 0 {
		e, w.mine[0] = w.mine[0], entry{}
		w.mine = w.mine[1:]
		w.sharedLocked()
		w.current, w.began, w.reported = e.task, now, false
	}
	w.mu.Unlock()
	return e
}

// sharedLocked notes that nothing is left to share, if so.
func (w *worker) sharedLocked() {
	if w.shares && len(w.mine) == 0 {
		w.shares = false
		w.p.sharing.Add(-1)
	}
}

func (w *worker) spares() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.shares {
		return 0
	}
	return len(w.mine)
}

func (w *worker) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current = nil
}

// giveBack returns what the worker has not begun, for others.
func (w *worker) giveBack() []entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	es := w.mine
	w.mine = nil
	w.sharedLocked()
	return es
}

// What a worker finds when it looks for something to do.
type finding int

const (
	jobs finding = iota // in mine
	wait                // nothing yet: it keeps its slot and looks again
	idle                // nothing: it is among the idle
	over                // it is to end
)

// How often a worker looks again before it is idle: somebody who just got a result
// often has the next job, and waking a goroutine costs more than looking. Waking a
// thread costs far more still.
const (
	spins       = 2
	lockedSpins = 20
)

// next finds something to do; it reports false when the worker is to end.
func (w *worker) next() bool {
	patience := spins
	if w.p.cfg.LockOSThread {
		patience = lockedSpins
	}
	for left := patience; ; left-- {
		found, expires, wake := w.look(left > 0)
		wakeAll(wake)
		switch found {
		case jobs:
			return true
		case wait:
			runtime.Gosched()
			continue
		case over:
			return false
		case idle:
			if !w.sleep(expires) && w.expired() {
				return false
			}
			left = patience + 1
		}
	}
}

// look takes jobs if it can. If not, it gives the slot back, unless the worker is to
// linger, and puts it among the idle. expires says that it may not idle for ever.
func (w *worker) look(linger bool) (found finding, expires bool, wake []*worker) {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.slot {
		if w.lingers {
			w.lingers = false
			p.lingering--
		}
		wanted := len(p.resuming) > 0 || p.slots > p.max || p.state == stopped
		if !wanted && w.takeLocked() {
			return jobs, false, nil
		}
		if linger && !wanted && p.state == running {
			w.lingers = true
			p.lingering++
			return wait, false, nil
		}
		p.releaseLocked(w)
		wake = p.handOnLocked()
	}
	if p.quietLocked() || p.stayingLocked()-p.lent > p.max || p.state == stopped {
		p.leaving++
		return over, false, append(wake, p.settleLocked()...)
	}
	w.idle = true
	p.idle = append(p.idle, w)
	return idle, p.stayingLocked() > p.min, wake
}

// takeLocked takes a share of the queue or, if that is empty, of what another
// worker has not begun.
func (w *worker) takeLocked() bool {
	p := w.p
	n := 1
	if backlog := p.queue.len() / (len(p.workers) + 1); backlog > 1 {
		n = min(backlog, batch)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store == nil {
		w.store = make([]entry, 0, batch)
	}
	w.mine = p.queue.take(n, w.store)
	if len(w.mine) > 1 {
		w.shares = true
		p.sharing.Add(1)
	}
	if len(w.mine) > 0 {
		p.admitLocked()
		return true
	}
	if p.sharing.Load() == 0 {
		return false
	}
	for victim := range p.workers {
		if victim == w {
			continue
		}
		if stolen := victim.steal(); stolen.task != nil {
			w.mine = append(w.mine, stolen)
			return true
		}
	}
	return false
}

// steal takes the last of what w has not begun.
func (w *worker) steal() (e entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.mine) - 1; w.shares && last >= 0 {
		e, w.mine[last] = w.mine[last], entry{}
		w.mine = w.mine[:last]
		w.sharedLocked()
	}
	return e
}

// sleep parks until somebody wakes the worker; it reports false when the idle
// timeout struck first.
func (w *worker) sleep(expires bool) (woken bool) {
	if !expires {
		<-w.wakeup
		return true
	}
	if w.timer == nil {
		w.timer = time.NewTimer(w.p.cfg.IdleTimeout)
	} else {
		w.timer.Reset(w.p.cfg.IdleTimeout)
	}
	defer w.timer.Stop()
	select {
	case <-w.wakeup:
		return true
	case <-w.timer.C:
		return false
	}
}

// expired takes a worker whose idle timeout struck out of the pool, unless it is
// needed after all.
func (w *worker) expired() bool {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.idle { // somebody is waking it
		p.mu.Unlock()
		<-w.wakeup
		p.mu.Lock()
		return false
	}
	p.idle = slices.Delete(p.idle, slices.Index(p.idle, w), slices.Index(p.idle, w)+1)
	w.idle = false
	if p.stayingLocked() <= p.min {
		return false // looks again, without a slot, and idles on
	}
	p.leaving++
	return true
}

// gone takes a worker that has ended out of the pool.
func (p *Pool) gone(w *worker) {
	p.mu.Lock()
	p.retireLocked(w)
	p.leaving--
	wake := p.settleLocked()
	p.mu.Unlock()
	wakeAll(wake)
}

func (p *Pool) retireLocked(w *worker) {
	delete(p.workers, w)
	p.retired += w.successes()
}

func (w *worker) successes() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.succeeded.Load() + w.calls
}
