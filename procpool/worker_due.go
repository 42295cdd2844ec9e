package procpool

import (
	"fmt"
	"math"
	"time"
)

// deadlines are the times at which a worker looks up; 0: never.
type deadlines struct {
	serve time.Duration // it must serve
	stop  time.Duration // its job's time is up
	kill  time.Duration // what was asked of it must have happened
	back  time.Duration // jobs behind the first are called back
	idle  time.Duration // it was idle too long
	exit  time.Duration // it must have ended by itself, having closed its connection
}

// later is now and d added, as far as a time can be in the future: d may mean for ever.
func later(now, d time.Duration) time.Duration {
	if d > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + d
}

// jobEnded: the deadlines that were the job's are no more. What is to follow a gentle
// signal is the worker's.
func (w *worker) jobEnded() {
	w.due.stop, w.due.back = 0, 0
	if w.killed == killNot {
		w.due.kill = 0
	}
}

// tick sees to the deadlines that have passed.
func (w *worker) tick() {
	now := w.p.clock()
	passed := func(at time.Duration) bool { return at != 0 && at <= now }
	switch {
	case passed(w.due.serve):
		w.startErr = fmt.Errorf("it did not say that it serves within %v; a program that is started as a worker must call procpool.ServeIfWorker first in main, or in TestMain", w.p.cfg.StartTimeout)
		w.kill(killStart)
	case passed(w.due.exit):
		w.kill(killClosed)
	case passed(w.due.kill):
		switch {
		case w.stateIs(Recycling):
			w.kill(killLate)
		default:
			w.due.kill = 0
			if w.killed != killNot { // the gentle signal did not help
				w.due.kill = now
			}
			w.kill(killJob)
		}
	case passed(w.due.stop):
		w.stopFirst(stopTimeUp)
	case passed(w.due.back):
		w.due.back = 0
		for _, t := range w.line[1:] {
			if j := t.core(); !j.recalled {
				w.recall(j)
			}
		}
	case passed(w.due.idle):
		w.due.idle = 0
		if w.surplus() {
			w.retire()
		}
	}
}

// surplus takes the worker out of those that serve if it is above Min.
func (w *worker) surplus() bool {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.parked || p.servingLocked() <= p.min { // not parked: somebody is waking it
		return false
	}
	p.leaveLocked(w, Recycling)
	return true
}

// arm sets the timer to the first of the deadlines. One that strikes too early
// costs less than setting it anew for each job.
func (w *worker) arm() {
	if len(w.line) > 1 && w.due.back == 0 && !w.line[len(w.line)-1].core().recalled {
		w.due.back = w.begun + patience
	}
	first := time.Duration(0)
	for _, at := range [...]time.Duration{w.due.serve, w.due.stop, w.due.kill, w.due.back, w.due.idle, w.due.exit} {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	if first == 0 || w.armed != 0 && w.armed <= first {
		return
	}
	w.armed = first
	w.timer.Reset(max(first-w.p.clock(), 0))
}
