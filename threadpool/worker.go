package threadpool

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

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

	// Guarded by p.mu.
	slot   bool   // it holds a slot
	coming bool   // it was given it to look for a job and has not yet
	idle   bool   // it is on p.idle
	since  uint64 // p.queue.pushed when it took its jobs

	mu       sync.Mutex // guards what follows; nothing happens under it
	id       int64      // of its goroutine, which may read it
	hook     any        // OnThreadStart or OnThreadStop, if that is what runs
	mine     []entry    // taken and not begun; in room
	room     []entry    // of batch entries, empty
	shares   bool       // it took several at once; all but the first are counted in p.spare
	fresh    bool       // it has not begun the first
	current  task       // that runs; nil between jobs
	began    time.Duration
	reported bool   // current, as slow
	stack    string // of current when it was reported
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
	failure := eventual.ErrGoexit // of OnThreadStart, unless it returns
	returned := false
	defer func() { // runs even if OnThreadStop calls Goexit
		park.Leave(id)
		switch {
		case failure != nil:
			p.workerFailed(w, failure)
		case returned:
			p.gone(w)
		default:
			w.hooked(p.cfg.OnThreadStart == nil, p.cfg.OnThreadStart)
			go w.main() // ends as this one would have
		}
	}()
	if failure = p.startThread(w); failure != nil {
		return
	}
	defer p.stopThread(w)
	w.runBatch() // what a goroutine that ended has left
	for w.next() {
		w.runBatch()
	}
	returned = true
}

// hooked notes that hook runs instead of a job, unless there is none.
func (w *worker) hooked(none bool, hook any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropLocked()
	w.hook = nil
	if !none {
		w.hook, w.began = hook, w.p.clock()
	}
}

// runBatch runs what the worker has taken.
func (w *worker) runBatch() {
	p := w.p
	now := p.clock()
	for {
		e := w.advance(now)
		if e.task == nil {
			return
		}
		if e.at != 0 {
			p.waitTimes.Record(now - e.at)
		}
		e.task.run()
		end := p.clock()
		if e.at != 0 {
			p.runTimes.Record(end - now)
		}
		now = end
		if p.lent.Load() > 0 {
			w.makeWay()
		}
	}
}

// spare is how many others could take from it; w.mu is held.
func (w *worker) spare() int {
	switch n := len(w.mine); {
	case !w.shares || n == 0:
		return 0
	case w.fresh:
		return n - 1
	default:
		return n
	}
}

// makeWay lets a worker that waited for the job that has just ended have the slot
// before another job does. Or else jobs that each wait for another would begin
// faster than the first of them can go on.
func (w *worker) makeWay() {
	p := w.p
	p.mu.Lock()
	p.queue.putBack(w.giveBack())
	p.mu.Unlock()
	runtime.Gosched() // it is runnable by now
}

// advance ends the job that ran and begins the next of the worker's own, if there
// is one.
func (w *worker) advance(now time.Duration) (e entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropLocked()
	if len(w.mine) == 0 {
		return entry{}
	}
	e, w.mine[0] = w.mine[0], entry{}
	w.mine = w.mine[1:]
	if w.shares && !w.fresh {
		w.p.spare.Add(-1)
	}
	w.fresh = false
	w.current, w.began = e.task, now
	return e
}

func (w *worker) dropLocked() {
	if w.current != nil {
		w.current.drop()
		w.current, w.reported, w.stack = nil, false, ""
	}
}

// giveBack returns what the worker has not begun, for others.
func (w *worker) giveBack() []entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	es := w.mine
	w.p.spare.Add(-int64(w.spare()))
	w.mine, w.fresh = nil, false
	return es
}

// next finds something to do; it reports false when the worker is to end.
func (w *worker) next() bool {
	for {
		found, end, expires, wake := w.look()
		wakeAll(wake)
		switch {
		case found:
			return true
		case end:
			return false
		}
		if !w.sleep(expires) && w.expired() {
			return false
		}
	}
}

// How often a worker looks again before it parks: somebody who just got a result
// often has the next job, and waking a goroutine costs more than looking. Waking a
// thread costs far more still.
const (
	spins       = 2
	lockedSpins = 20
)

// sleep parks until somebody wakes the worker; it reports false when the idle
// timeout struck first.
func (w *worker) sleep(expires bool) (woken bool) {
	n := spins
	if w.p.cfg.LockOSThread {
		n = lockedSpins
	}
	for range n {
		runtime.Gosched()
		select {
		case <-w.wakeup:
			return true
		default:
		}
	}
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
	w.leaveLocked()
	return true
}

// leaveLocked: the worker is going to end.
func (w *worker) leaveLocked() {
	w.p.leaving++
	w.hooked(w.p.cfg.OnThreadStop == nil, w.p.cfg.OnThreadStop)
}

// gone takes a worker that has ended out of the pool.
func (p *Pool) gone(w *worker) {
	p.mu.Lock()
	delete(p.workers, w)
	p.leaving--
	wake := p.settleLocked()
	p.mu.Unlock()
	wakeAll(wake)
}
