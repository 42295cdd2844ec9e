package threadpool

import (
	"slices"
	"time"

	"github.com/trestle-go/trestle/internal/park"
)

// turns is how many turns of the scheduler a worker lingers before it parks: somebody
// who just got a result often has the next job, and waking a goroutine costs more than
// looking. A worker with a thread of its own does not linger: to yield the processor is
// to change threads, as parking is, and to keep it keeps it from whoever waits for the
// job that has just ended. It dozes instead, see doze.go, or parks at once.
const turns = 4

// linger waits for a submission for so many turns at most, none if they take long now,
// and returns how many are left. The bell spares those who submit a lock that is taken to
// find nothing.
func (w *worker) linger(turns int) (left int) {
	w.naps++
	chance := park.Draw(w.naps)
	for left = turns; left > 0 && chance.Yield(); {
		left--
		if w.p.bell.Load() {
			return left
		}
	}
	return 0
}

// sleep parks until somebody wakes the worker; it reports false when the idle
// timeout struck first.
func (w *worker) sleep(expires bool) (woken bool) {
	if w.dozes && w.dozed() {
		return true
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
	w.hookedLocked(w.p.cfg.OnThreadStop == nil, w.p.cfg.OnThreadStop)
}
