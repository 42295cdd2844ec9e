package threadpool

import (
	"slices"
	"time"
)

// batch is how many jobs a worker takes at once when many wait: enough to make
// the pool's lock cheap, few enough that one slow job does not hold many up. What
// it has not begun is given back when it waits or its job takes long, and taken by
// those who find nothing else.
const batch = 8

// What a worker finds when it looks for something to do.
type finding int

const (
	jobs  finding = iota // in mine
	again                // nothing yet: it keeps its slot and is to look again
	idle                 // nothing: it is among the idle
	over                 // it is to end
)

// look takes jobs if it can. If not, it gives the slot back, unless the worker is to
// linger, and puts it among the idle. expires says that it may not idle for ever.
func (w *worker) look(linger bool) (found finding, expires bool, wake []*worker) {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.slot {
		p.arrivedLocked(w)
		p.quick = w.quick
		wanted := len(p.resuming) > 0 || p.slots > p.max || p.state == stopped
		if !wanted && w.takeLocked() {
			return jobs, false, p.feedLocked()
		}
		if linger && !wanted && p.state == running {
			p.comesLocked(w, true)
			return again, false, nil
		}
		p.releaseLocked(w)
		wake = p.feedLocked()
	}
	if p.quietLocked() || p.stayingLocked()-p.lentLocked() > p.max || p.state == stopped {
		w.leaveLocked()
		return over, false, append(wake, p.settleLocked()...)
	}
	w.idle = true
	p.idle = append(p.idle, w)
	return idle, p.stayingLocked() > p.min, wake
}

// takeLocked takes a job or, if its last ones were short, a share of what waits; if
// the queue is empty, what another worker has not begun.
func (w *worker) takeLocked() bool {
	p := w.p
	p.rescueLocked(w.now)
	p.admitLocked()
	w.since = p.queue.pushed
	n := 1
	if share := p.queue.len() / (p.slots + 1); w.quick && share > 1 {
		n = min(share, batch)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.room == nil {
		w.room = make([]entry, 0, batch)
	}
	w.mine = p.queue.take(n, w.room)
	w.fresh = true
	w.shareLocked(len(w.mine) > 1)
	if len(w.mine) > 0 {
		return true
	}
	for _, victim := range p.sharers {
		if stolen := victim.steal(); stolen.task != nil {
			w.mine = append(w.mine, stolen)
			return true
		}
	}
	return false
}

// shareLocked notes whether others may take what w has. p.mu is held, too.
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

// sparesLocked is how many jobs workers have taken and not begun, and others could
// take from them.
func (p *Pool) sparesLocked() (n int) {
	for _, w := range p.sharers {
		w.mu.Lock()
		n += w.spare()
		w.mu.Unlock()
	}
	return n
}

// heldUp is how long a job may run while its worker has others that it has not
// begun, before these are given to whoever looks next.
const heldUp = time.Millisecond

// rescueLocked puts what waits behind long jobs back to the front of the queue.
func (p *Pool) rescueLocked(now time.Duration) {
	if len(p.sharers) == 0 {
		return
	}
	if now < p.rescueAt {
		return
	}
	p.rescueAt = now + heldUp
	for _, w := range slices.Clone(p.sharers) {
		w.mu.Lock()
		late := w.spare() > 0 && now-w.began >= heldUp
		w.mu.Unlock()
		if late {
			p.queue.putBack(w.giveBackLocked())
		}
	}
}

// recallLocked puts all that workers have taken and not begun back to the front of
// the queue.
func (p *Pool) recallLocked() {
	for _, w := range slices.Clone(p.sharers) {
		p.queue.putBack(w.giveBackLocked())
	}
}

// giveBackLocked returns what the worker has not begun, for others.
func (w *worker) giveBackLocked() []entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	es := w.mine
	w.mine, w.fresh = nil, false
	w.shareLocked(false)
	return es
}

// steal takes the last of what w has not begun.
func (w *worker) steal() (e entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.mine) - 1; w.spare() > 0 {
		e, w.mine[last] = w.mine[last], entry{}
		w.mine = w.mine[:last]
	}
	return e
}
