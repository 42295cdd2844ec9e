package threadpool

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/park"
)

// An idle worker with a thread of its own dozes before it parks: the thread waits in the
// kernel, where one system call wakes it. From a channel it takes two changes of threads:
// the runtime has a thread find that the goroutine can run, which then hands the
// processor over to the one thread that may run it. A thread that dozes keeps the
// processor, as one in any system call does, until the runtime takes it away or another
// steals what is to run there; so a worker dozes only while short jobs come in quick
// succession and that has lately paid, and parks after dozeFor, which in a
// testing/synctest bubble is real time. It is so long because the kernel's clock tick
// comes sooner: a timer that is the next to expire costs more than what is won.
const dozeFor = 10 * time.Millisecond

// starts is how often a doze begins again that was ended early: by a call that was meant to
// rouse the worker from the last one, or by a signal. It is counted because the clock of a
// bubble stands still.
const starts = 4

// brief is for how short a time a worker may have had nothing to do, or may have been
// kept from going on, for a doze to pay: being woken takes so long.
const brief = 100 * time.Microsecond

// A worker's debt is what its dozes have lost, less dozeWins for each that has paid. With
// more than mayOwe it parks at once for a while, so that not more than one part of
// lossShare of the time is lost. More than maxDebt would take too long to forget.
const (
	dozeWins  = 20 * time.Microsecond
	mayLose   = time.Millisecond // what a long doze counts: perhaps there was no job
	mayOwe    = 10 * time.Millisecond
	maxDebt   = 100 * time.Millisecond
	lossShare = 32
)

// haste is how long it pays to look for the result of a job that a dozing worker was
// roused for, rather than to park: that takes as long. glances is how often one looks at
// most: in a testing/synctest bubble the clock stands still meanwhile.
const (
	haste   = 30 * time.Microsecond
	glances = 300
)

// The states of worker.doze:
//
//	awake -> dozing      by the worker, with mu held, as it is put among the idle
//	dozing -> awake      by who wakes it, or by itself when its time is up
const (
	awake  uint32 = iota // whoever wakes it sends on its channel
	dozing               // whoever makes it awake rouses its thread
)

// rest is what a worker knows of its dozes.
type rest struct {
	dozes  bool          // before it parks, this time
	brief  bool          // it was idle for a short time when it last was
	debt   time.Duration // see mayOwe
	resume time.Duration // when it may doze again; on the pool's clock
}

// dozesLocked has a worker that is among the idle from now on doze, if that pays. It
// would keep a single processor from whoever is to send the next job.
func (w *worker) dozesLocked() {
	w.dozes = w.brief && w.quick && !w.late() && w.now >= w.resume && runtime.GOMAXPROCS(0) > 1
	if w.debt > mayOwe && w.now >= w.resume {
		w.debt = mayOwe // what was more has been paid by parking
	}
	if w.dozes {
		w.doze.Store(dozing)
	}
}

// late reports whether whoever waited for a job has parked or lost time since it was last
// asked.
func (w *worker) late() bool {
	p := w.p
	if p.lag.Load() == 0 {
		return false
	}
	if lag := time.Duration(p.lag.Swap(0)); lag > haste {
		w.lost(lag)
	}
	return true
}

// idled reads the clock once the worker is not idle any more.
func (w *worker) idled() {
	since := w.now
	w.now = w.p.clock()
	w.brief = w.p.dozeFor > 0 && w.now-since < w.p.brief
}

// dozed waits a moment for somebody to wake the worker; it reports false when nobody has.
func (w *worker) dozed() (woken bool) {
	p := w.p
	for n := 0; n < starts && w.doze.Load() == dozing && drowse(&w.doze, dozing, p.dozeFor); n++ {
	}
	woken = !w.doze.CompareAndSwap(dozing, awake)
	now := p.clock()
	dozed, end := now-w.now, time.Duration(w.rousedAt.Load())
	if !woken {
		dozed, end = max(dozed, p.dozeFor), w.now+p.dozeFor
	}
	switch {
	case now-end >= p.brief: // it was kept from going on
		w.lost(now - end)
	case dozed >= p.brief: // as somebody may have been who was to run where it last did
		w.lost(min(dozed, mayLose))
	default:
		w.debt = max(w.debt-dozeWins, 0)
	}
	return woken
}

// lost takes note of a doze that has cost so much.
func (w *worker) lost(took time.Duration) {
	w.debt = min(w.debt+took, maxDebt)
	if w.debt > mayOwe {
		w.resume = w.p.clock() + lossShare*(w.debt-mayOwe)
	}
}

// lockedJob is a job for a worker with a thread of its own, which dozes.
type lockedJob[T any] struct {
	job[T]
	roused atomic.Bool // a thread for it, from a doze, and nobody has looked since
}

// AssistWait is called by whoever is about to wait for the result. The first looks for it
// for a while if a thread was roused for it from a doze, and so will have it soon. The worker
// is told if that was in vain: somebody who has parked is woken on the worker's own
// processor, which it is not to keep while it dozes.
func (j *lockedJob[T]) AssistWait(timeout time.Duration) {
	if !j.roused.Swap(false) {
		return
	}
	long := min(haste, timeout)
	chance := park.DrawAny()
	begun, took := time.Now(), time.Duration(0)
	for n := 0; n < glances && took < long && !j.Settled() && chance.Yield(); n++ {
		took = time.Since(begun)
	}
	if took >= 2*haste || !j.Settled() {
		j.p.lag.Store(int64(max(took, 1)))
	}
}

func (j *lockedJob[T]) rousedFor() { j.roused.Store(true) }
