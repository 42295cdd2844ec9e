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
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropLocked()
	n := 1
	if share := p.queue.len() / (p.slots + 1); w.quick && share > 1 {
		n = min(share, batch)
	}
	if w.left = 0; nothing || p.queue.len()+len(p.sharers) == 0 {
		w.shareLocked(false)
		return entry{}
	}
	w.mine = p.queue.take(n, w.room[:0])
	w.shareLocked(n > 1)
	for i := 0; i < len(p.sharers) && len(w.mine) == 0; i++ {
		w.mine = p.sharers[i].steal(w.mine)
	}
	if len(w.mine) == 0 {
		return entry{}
	}
	w.left = len(w.mine) - 1
	return w.beginLocked()
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
	es := slices.Clone(w.mine)
	clear(w.mine)
	w.mine = nil
	w.shareLocked(false)
	return es
}

// steal moves the last of what w has not begun, if there is any, to into.
func (w *worker) steal(into []entry) []entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := w.spare() - 1; last >= 0 {
		into = append(into, w.mine[last])
		w.mine[last] = entry{}
		w.mine = w.mine[:last]
	}
	return into
}
