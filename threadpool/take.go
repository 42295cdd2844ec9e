package threadpool

import "time"

// batch is how many jobs a worker takes at once when many wait: enough to make
// the pool's lock cheap, few enough that one slow job does not hold many up. What
// it has not begun is given back when it waits or its job takes long, and taken by
// those who find nothing else.
const batch = 8

// look takes jobs if it can and otherwise puts the worker among the idle.
func (w *worker) look() (found, end, expires bool, wake []*worker) {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.slot {
		p.arrivedLocked(w)
		wanted := len(p.resuming) > 0 || p.slots > p.max || p.state == stopped
		if !wanted && w.takeLocked() {
			return true, false, false, p.feedLocked()
		}
		p.releaseLocked(w)
		wake = p.feedLocked()
	}
	if p.quietLocked() || p.stayingLocked()-p.lentLocked() > p.max || p.state == stopped {
		w.leaveLocked()
		return false, true, false, append(wake, p.settleLocked()...)
	}
	w.idle = true
	p.idle = append(p.idle, w)
	return false, false, p.stayingLocked() > p.min, wake
}

// takeLocked takes a share of the queue or, if that is empty, of what another
// worker has not begun.
func (w *worker) takeLocked() bool {
	p := w.p
	p.rescueLocked()
	p.admitLocked()
	w.since = p.queue.pushed
	n := 1
	if backlog := p.queue.len() / (len(p.workers) + 1); backlog > 1 {
		n = min(backlog, batch)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.room == nil {
		w.room = make([]entry, 0, batch)
	}
	w.mine = p.queue.take(n, w.room)
	w.shares, w.fresh = len(w.mine) > 1, true
	if len(w.mine) > 0 {
		p.spare.Add(int64(w.spare()))
		return true
	}
	if p.spare.Load() == 0 {
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

// heldUp is how long a job may run while its worker has others that it has not
// begun, before these are given to whoever looks next.
const heldUp = time.Millisecond

// rescueLocked puts what waits behind long jobs back to the front of the queue.
func (p *Pool) rescueLocked() {
	if p.spare.Load() == 0 {
		return
	}
	now := p.clock()
	if now < p.rescueAt {
		return
	}
	p.rescueAt = now + heldUp
	for w := range p.workers {
		w.mu.Lock()
		late := w.spare() > 0 && now-w.began >= heldUp
		w.mu.Unlock()
		if late {
			p.queue.putBack(w.giveBack())
		}
	}
}

// recallLocked puts all that workers have taken and not begun back to the front of
// the queue.
func (p *Pool) recallLocked() {
	if p.spare.Load() == 0 {
		return
	}
	for w := range p.workers {
		p.queue.putBack(w.giveBack())
	}
}

// steal takes the last of what w has not begun.
func (w *worker) steal() (e entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.mine) - 1; w.spare() > 0 {
		e, w.mine[last] = w.mine[last], entry{}
		w.mine = w.mine[:last]
		w.p.spare.Add(-1)
	}
	return e
}
