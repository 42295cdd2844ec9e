package procpool

import "slices"

// dispatchLocked wakes an idle worker for what waits, or starts one.
func (p *Pool) dispatchLocked() {
	if n := len(p.idle); n > 0 {
		p.wakeLocked(p.idle[n-1])
		return
	}
	p.growLocked()
}

// wakeLocked has an idle worker look for something to do.
func (p *Pool) wakeLocked(w *worker) {
	p.unparkLocked(w)
	w.wake()
}

func (p *Pool) parkLocked(w *worker) {
	w.parked = true
	p.idle = append(p.idle, w)
}

func (p *Pool) unparkLocked(w *worker) {
	if w.parked {
		w.parked = false
		i := slices.Index(p.idle, w)
		p.idle = slices.Delete(p.idle, i, i+1)
	}
}

func (p *Pool) wakeIdleLocked() {
	for len(p.idle) > 0 {
		p.wakeLocked(p.idle[len(p.idle)-1])
	}
}

// servingLocked is how many workers there are that have not been told to end.
func (p *Pool) servingLocked() int { return len(p.workers) - p.leaving }

// growLocked starts workers up to Min, and as many more as waiting jobs need, up
// to Max. While workers fail to start it leaves that to the next attempt.
func (p *Pool) growLocked() {
	if p.state == created || p.state == stopped || p.trouble.waitingLocked() {
		return
	}
	for {
		serving := p.servingLocked()
		needed := p.state == running && serving < p.min || p.queue.len() > p.starting+len(p.idle)
		if !needed || serving >= p.max || p.trouble.failures > 0 && p.starting > 0 {
			return
		}
		p.spawnLocked()
	}
}

func (p *Pool) spawnLocked() {
	p.lastWork++
	w := newWorker(p, p.lastWork)
	p.workers[w] = struct{}{}
	p.starting++
	p.started.Add(1)
	go w.main() // ends when its process has; see worker
}

// leaveLocked takes w out of those that serve. What it leaves undone is for others.
func (p *Pool) leaveLocked(w *worker, to State) {
	if w.state == Starting {
		p.starting--
	}
	if w.state < Recycling {
		p.leaving++
	}
	w.setLocked(to)
	p.unparkLocked(w)
}

// gone takes a worker that has ended out of the pool; back are the jobs that it
// was given and never began.
func (p *Pool) gone(w *worker, back []task) {
	p.mu.Lock()
	p.leaveLocked(w, Gone)
	delete(p.workers, w)
	p.leaving--
	unwanted := p.putBackLocked(back)
	p.calls += len(unwanted)
	p.settleLocked()
	p.mu.Unlock()
	for _, t := range slices.Backward(unwanted) {
		defer p.withdraw(t) // all, also if what one calls ends the goroutine
	}
}
