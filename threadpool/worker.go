package threadpool

import (
	"runtime"
	"sync/atomic"
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

	// Those who wake it touch these.
	doze     atomic.Uint32 // see dozing
	rousedAt atomic.Int64  // when somebody was about to rouse it from its doze

	// Guarded by p.mu. The worker may read id and hook, which nobody else writes.
	id       int64  // of its goroutine
	slot     bool   // it holds a slot
	coming   bool   // it is to look for a job with it and has not yet
	prompt   bool   // and nothing but the scheduler keeps it from that
	idle     bool   // it is on p.idle
	shares   bool   // it took several jobs at once, and is among p.sharers
	hook     any    // OnThreadStart or OnThreadStop, if that is what runs
	since    uint64 // p.queue.pushed when it took its jobs
	hands    uint64 // how often it took some
	reported uint64 // the last job that was reported as slow; see runningLocked
	stack    string // of that job then
	calls    uint64 // that returned, up to the jobs in its hand

	// Owned by the worker's goroutine.
	now      time.Duration // the clock, when it was last read
	stale    bool          // it has not been read since the last job began
	quick    bool          // its last jobs were short
	returned uint64        // calls, of the job that runs
	naps     uint32        // how often it has lingered
	rest

	succeeded atomic.Uint64 // jobs with a result; of this worker, so that workers do not write to one place
	hand      hand
}

// wake is called once for each time that the worker was taken from the idle, or has waited
// for a slot. It reports whether the worker was dozing.
func (w *worker) wake() (roused bool) {
	if w.doze.Load() == dozing {
		w.rousedAt.Store(int64(w.p.clock()))
		if w.doze.CompareAndSwap(dozing, awake) {
			rouse(&w.doze)
			return true
		}
	}
	w.wakeup <- struct{}{}
	return false
}

// main is the worker's goroutine. If a job ends it with Goexit, another goroutine
// goes on in its place, with the same slot.
func (w *worker) main() {
	p := w.p
	if p.cfg.LockOSThread {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	}
	id := park.Enter(workerHook{w})
	p.mu.Lock()
	w.id = id
	p.mu.Unlock()
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
			w.restart()
			go w.main() // ends as this one would have
		}
	}()
	if failure = p.startThread(w); failure != nil {
		return
	}
	defer p.stopThread(w)
	w.readClock()
	w.runHand(w.advance()) // what a goroutine that ended has left
	for {
		e, ok := w.next()
		if !ok {
			break
		}
		w.runHand(e)
	}
	returned = true
}

// restart ends the job that has ended the worker's goroutine.
func (w *worker) restart() {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	w.overLocked()
	w.hookedLocked(p.cfg.OnThreadStart == nil, p.cfg.OnThreadStart)
}

// hookedLocked notes that hook runs instead of a job, unless there is none.
func (w *worker) hookedLocked(none bool, hook any) {
	w.hook = nil
	if !none {
		w.hook = hook
		w.hand.began.Store(int64(w.p.clock()))
	}
}

// runHand runs e, which has begun, and what the worker has taken along with it.
func (w *worker) runHand(e entry) {
	begun, n := w.now, 0
	for e.task != nil {
		if e = w.run(e, &n); e.task != nil { // it panicked
			e = w.follow(e)
		}
	}
	if w.stale {
		w.now, w.stale = w.p.clock(), false
	}
	w.quick = (w.now-begun)*batch < heldUp*time.Duration(n)
}

// run is runHand until a job panics, which it returns. There is one deferred function
// for all of them, instead of one for each. n counts those that have begun.
func (w *worker) run(e entry, n *int) (panicked entry) {
	returned := false
	defer func() {
		if !returned {
			panicked = e
			e.task.unwound(w, recover())
		}
	}()
	for e.task != nil {
		*n++
		if e.at != 0 {
			w.waited(e)
		}
		e.task.run(w)
		e = w.follow(e)
	}
	returned = true
	return entry{}
}

// follow is what comes after e, which has run: the next job, if the worker has one.
// Reading the clock costs more than a short job, so one that was taken along, because
// the last ones were short, is taken to begin with the first, unless it is timed or
// slow ones are watched.
func (w *worker) follow(e entry) entry {
	p := w.p
	if w.stale = e.at == 0 && p.cfg.SlowJob == 0; !w.stale {
		w.ended(e)
	}
	if p.lent.Load() > 0 {
		w.makeWay()
	}
	return w.advance()
}

// waited reads the clock for a timed job that is about to run: the worker may have
// lingered since it did so last.
func (w *worker) waited(e entry) {
	w.readClock()
	w.p.waitTimes.Record(w.now - e.at)
}

// ended reads the clock for the job that has just run.
func (w *worker) ended(e entry) {
	began := w.now
	w.readClock()
	if e.at != 0 {
		w.p.runTimes.Record(w.now - began)
	}
}

// readClock is for between two jobs.
func (w *worker) readClock() {
	w.now = w.p.clock()
	w.hand.began.Store(int64(w.now))
}

// makeWay lets a worker that waited for the job that has just ended have the slot
// before another job does. Or else jobs that each wait for another would begin
// faster than the first of them can go on.
func (w *worker) makeWay() {
	p := w.p
	p.mu.Lock()
	w.giveBackLocked()
	w.overLocked()
	p.mu.Unlock()
	runtime.Gosched() // it is runnable by now
}

// advance ends the job that ran and begins the next of the worker's own, if there
// is one. If there is none, look does that along with what else it does.
func (w *worker) advance() entry {
	for {
		ended, e, watched := w.hand.next(w.returned)
		if e.task != nil {
			w.returned = 0
			if ended.task != nil {
				ended.task.drop()
			}
		}
		if !watched {
			return e
		}
		w.letWatch()
	}
}

// letWatch waits until nobody looks at the job that ran.
func (w *worker) letWatch() {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
}

// overLocked ends the job that ran.
func (w *worker) overLocked() {
	ended, returned := w.hand.overLocked()
	w.calls += returned + w.returned
	w.returned = 0
	if ended.task != nil {
		ended.task.drop()
	}
	w.stack = ""
}

// next finds something to do; it reports false when the worker is to end.
func (w *worker) next() (e entry, ok bool) {
	for patience := w.p.patience; ; {
		e, found, expires, wake := w.look(patience > 0)
		wakeAll(wake)
		switch found {
		case jobs:
			return e, true
		case over:
			return entry{}, false
		case again:
			patience = w.linger(patience)
			if w.p.cfg.SlowJob > 0 { // a job is not slow because its worker lingered
				w.now = w.p.clock()
			}
		case idle:
			if !w.sleep(expires) && w.expired() {
				return entry{}, false
			}
			patience = w.p.patience
			w.idled()
		}
	}
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

// retireLocked forgets w and keeps what it has counted.
func (p *Pool) retireLocked(w *worker) {
	delete(p.workers, w)
	p.retired += w.successesLocked()
	w.shareLocked(false)
}

// successesLocked is how many of its jobs returned without an error.
func (w *worker) successesLocked() uint64 {
	return w.succeeded.Load() + w.calls + returnedOf(w.hand.word.Load())
}
