package threadpool

import (
	"runtime"
	"sync"
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

	// Guarded by p.mu.
	slot   bool   // it holds a slot
	coming bool   // it is to look for a job with it and has not yet
	prompt bool   // and nothing but the scheduler keeps it from that
	idle   bool   // it is on p.idle
	since  uint64 // p.queue.pushed when it took its jobs

	// Owned by the worker's goroutine.
	now      time.Duration // the clock, when it was last read
	quick    bool          // its last jobs were short
	returned uint64        // calls, since the last job was dropped
	left     int           // jobs that it has taken and, if nobody else has taken them, not begun

	succeeded atomic.Uint64 // jobs with a result; of this worker, so that workers do not write to one place

	mu       sync.Mutex // guards what follows; nothing happens under it
	id       int64      // of its goroutine, which may read it
	hook     any        // OnThreadStart or OnThreadStop, if that is what runs
	mine     []entry    // taken and not begun; in room
	room     [batch]entry
	shares   bool // it took several at once, and is among p.sharers; written with p.mu held, too
	current  task // that runs; nil between jobs
	began    time.Duration
	reported bool   // current, as slow
	stack    string // of current when it was reported
	calls    uint64 // that returned, up to the last job that was dropped
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
	w.now = p.clock()
	w.runBatch(w.advance()) // what a goroutine that ended has left
	for {
		e, ok := w.next()
		if !ok {
			break
		}
		w.runBatch(e)
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

// runBatch runs e, which has begun, and what the worker has taken along with it.
// Reading the clock costs more than a short job, so one that was taken along, because
// the last ones were short, is taken to begin with the first, unless it is timed or
// slow ones are watched.
func (w *worker) runBatch(e entry) {
	p, begun, n := w.p, w.now, 0
	stale := true // w.now is of some time ago
	for ; e.task != nil; e = w.advance() {
		n++
		if e.at != 0 {
			if stale {
				w.restart()
			}
			p.waitTimes.Record(w.now - e.at)
		}
		e.task.run(w)
		if stale = e.at == 0 && p.cfg.SlowJob == 0; !stale {
			w.ended(e)
		}
		if p.lent.Load() > 0 {
			w.makeWay()
		}
	}
	if stale {
		w.now = p.clock()
	}
	w.quick = (w.now-begun)*batch < heldUp*time.Duration(n)
}

// restart reads the clock for the job that is about to run.
func (w *worker) restart() {
	w.now = w.p.clock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = w.now
}

// ended reads the clock for the job that has just run.
func (w *worker) ended(e entry) {
	began := w.now
	w.now = w.p.clock()
	if e.at != 0 {
		w.p.runTimes.Record(w.now - began)
	}
}

// spare is how many others could take from it; w.mu is held.
func (w *worker) spare() int {
	if !w.shares {
		return 0
	}
	return len(w.mine)
}

// makeWay lets a worker that waited for the job that has just ended have the slot
// before another job does. Or else jobs that each wait for another would begin
// faster than the first of them can go on.
func (w *worker) makeWay() {
	p := w.p
	p.mu.Lock()
	p.queue.putBack(w.giveBackLocked())
	p.mu.Unlock()
	w.mu.Lock()
	w.dropLocked()
	w.mu.Unlock()
	runtime.Gosched() // it is runnable by now
}

// advance ends the job that ran and begins the next of the worker's own, if there
// is one. If there cannot be, look does that along with what else it does.
func (w *worker) advance() (e entry) {
	if w.left == 0 {
		return entry{}
	}
	w.left--
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropLocked()
	if len(w.mine) == 0 {
		return entry{}
	}
	return w.beginLocked()
}

// beginLocked takes the first of mine, and begins it.
func (w *worker) beginLocked() (e entry) {
	e, w.mine[0] = w.mine[0], entry{}
	w.mine = w.mine[1:]
	w.current, w.began = e.task, w.now
	return e
}

// dropLocked ends the job that ran.
func (w *worker) dropLocked() {
	w.calls += w.returned
	w.returned = 0
	if w.current != nil {
		w.current.drop()
		w.current, w.reported, w.stack = nil, false, ""
	}
}

// next finds something to do; it reports false when the worker is to end.
func (w *worker) next() (e entry, ok bool) {
	for left := w.p.patience; ; left-- {
		e, found, expires, wake := w.look(left > 0)
		wakeAll(wake)
		switch found {
		case jobs:
			return e, true
		case over:
			return entry{}, false
		case again:
			runtime.Gosched()
			if w.p.cfg.SlowJob > 0 { // a job is not slow because its worker lingered
				w.now = w.p.clock()
			}
		case idle:
			if !w.sleep(expires) && w.expired() {
				return entry{}, false
			}
			left = w.p.patience + 1
			w.now = w.p.clock()
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
	p.retired += w.successes()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shareLocked(false)
}

// successes is how many of its jobs returned without an error.
func (w *worker) successes() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.succeeded.Load() + w.calls
}
