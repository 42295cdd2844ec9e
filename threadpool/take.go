package threadpool

import (
	"slices"
	"time"
)

// What a worker finds when it looks for something to do.
type finding int

const (
	jobs  finding = iota // e, and what is in its hand
	again                // nothing yet: it keeps its slot and is to look again, when the bell rings
	idle                 // nothing: it is among the idle
	over                 // it is to end
)

// look begins a job if it can. If not, it gives the slot back, unless the worker is
// to linger, and puts it among the idle. expires says that it may not idle for ever.
func (w *worker) look(linger bool) (e entry, found finding, expires bool, wake []*worker) {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.slot {
		p.arrivedLocked(w)
		p.quick = w.quick
		wanted := len(p.resuming) > 0 || p.slots > p.max || p.state == stopped
		if e = w.takeLocked(wanted); e.task != nil {
			return e, jobs, false, p.feedLocked()
		}
		if linger && !wanted && p.state == running {
			p.comesLocked(w, true)
			p.bell.Store(false)
			p.listening = true
			return e, again, false, nil
		}
		p.releaseLocked(w)
		wake = p.feedLocked()
	}
	if p.spentLocked() || p.stayingLocked()-p.lentLocked() > p.max || p.state == stopped {
		w.leaveLocked()
		return e, over, false, append(wake, p.settleLocked()...)
	}
	w.idle = true
	w.dozesLocked()
	p.idle = append(p.idle, w)
	return e, idle, p.stayingLocked() > p.min, wake
}

// takeLocked ends the job that ran and, unless it is to take nothing, begins another:
// the next in the queue, and takes a share of what is behind it if its last jobs were
// short; or, if the queue is empty, what another worker has not begun.
func (w *worker) takeLocked(nothing bool) (e entry) {
	p := w.p
	p.rescueLocked(w.now)
	p.admitLocked()
	w.since = p.queue.pushed
	w.overLocked()
	into := w.hand.place[:0]
	switch {
	case nothing:
	case p.queue.len() > 0:
		n := 1
		if w.quick {
			n = min(max(p.queue.len()/(p.slots+1), 1), batch)
		}
		into = p.queue.take(n, into)
	default:
		into = w.stealLocked(into)
	}
	w.shareLocked(len(into) > 1)
	if len(into) == 0 {
		return entry{}
	}
	w.hands++
	w.hand.began.Store(int64(w.now))
	return w.hand.startLocked(len(into))
}

// stealLocked takes what the first other worker that has some has not begun: one, or
// half of them if they are short.
func (w *worker) stealLocked(into []entry) []entry {
	for _, other := range w.p.sharers {
		n := 1
		if w.quick {
			n = max(other.hand.spareLocked()/2, 1)
		}
		if into = other.hand.takeLocked(n, into); len(into) > 0 {
			break
		}
	}
	return into
}

// shareLocked notes whether others may take what w has.
func (w *worker) shareLocked(shares bool) {
	if shares == w.shares {
		return
	}
	w.shares = shares
	p := w.p
	if shares {
		p.sharers = append(p.sharers, w)
		return
	}
	i := slices.Index(p.sharers, w)
	p.sharers = slices.Delete(p.sharers, i, i+1)
}

// sparesLocked is how many jobs workers have taken and not begun.
func (p *Pool) sparesLocked() (n int) {
	for _, w := range p.sharers {
		n += w.hand.spareLocked()
	}
	return n
}

// heldUp is how long a job may run while its worker has others that it has not
// begun, before these are given to whoever looks next.
const heldUp = time.Millisecond

// rescueLocked puts what waits behind long jobs back to the front of the queue.
func (p *Pool) rescueLocked(now time.Duration) {
	if len(p.sharers) == 0 || now < p.rescueAt {
		return
	}
	p.rescueAt = now + heldUp
	for _, w := range slices.Clone(p.sharers) {
		if now-time.Duration(w.hand.began.Load()) >= heldUp {
			w.giveBackLocked()
		}
	}
}

// recallLocked puts all that workers have taken and not begun back to the front of
// the queue.
func (p *Pool) recallLocked() {
	for _, w := range slices.Clone(p.sharers) {
		w.giveBackLocked()
	}
}

// giveBackLocked puts what the worker has not begun back to the front of the queue.
func (w *worker) giveBackLocked() {
	if w.shares {
		w.p.queue.putBack(w.hand.takeLocked(batch, nil))
		w.shareLocked(false)
	}
}
