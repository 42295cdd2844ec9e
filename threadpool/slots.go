package threadpool

// feedLocked lets those who wait for room into the queue, and gives the slots that
// are free to workers that wait to go on, and to a worker for what waits: to one
// after the other, each of which sends for the next when it has arrived. A storm of
// short jobs would otherwise wake a worker for each, to find that it was done.
func (p *Pool) feedLocked() (wake []*worker) {
	p.admitLocked()
	if len(p.resuming) > 0 || p.queue.len() > 0 {
		p.ringLocked()
	}
	for p.freeLocked() > 0 && (len(p.resuming) > 0 || p.wantingLocked()) {
		if w, _ := p.dispatchLocked(); w != nil {
			wake = append(wake, w)
		}
	}
	return wake
}

// ringLocked has workers that linger look: there is something for them.
func (p *Pool) ringLocked() {
	if p.listening {
		p.listening = false
		p.bell.Store(true)
	}
}

// wantingLocked reports whether more jobs wait than workers are coming for, and
// none of these will look at once and send for others. Those that have yet to start
// are not waited for while others are idle.
func (p *Pool) wantingLocked() bool {
	if p.prompt > 0 {
		return false
	}
	waiting := p.waitingLocked()
	return waiting > p.coming || waiting > 0 && len(p.idle) > 0
}

// freeLocked is how many slots there are that nobody holds.
func (p *Pool) freeLocked() int {
	if p.state == created {
		return 0
	}
	return max(p.max-p.slots, 0)
}

// dispatchLocked gives a free slot, if there is one, to a worker that is to look
// for a job: to one that waits to go on, an idle one, or a new one, in this order.
// The worker that it returns must be woken.
func (p *Pool) dispatchLocked() (w *worker, ok bool) {
	if p.freeLocked() == 0 {
		return nil, false
	}
	switch {
	case len(p.resuming) > 0:
		w = p.resuming[0]
		p.resuming[0] = nil
		p.resuming = p.resuming[1:]
	case len(p.idle) > 0:
		w = p.popIdleLocked()
		p.comesLocked(w, true)
	default:
		p.spawnLocked()
		return nil, true
	}
	p.slots++
	w.slot = true
	return w, true
}

func (p *Pool) popIdleLocked() *worker {
	top := len(p.idle) - 1
	w := p.idle[top]
	p.idle[top] = nil
	p.idle = p.idle[:top]
	w.idle = false
	return w
}

// spawnLocked starts a worker, with a slot.
func (p *Pool) spawnLocked() {
	w := &worker{p: p, slot: true, wakeup: make(chan struct{}, 1)}
	p.comesLocked(w, p.cfg.OnThreadStart == nil)
	if p.cfg.OnThreadStart != nil {
		w.hookedLocked(false, p.cfg.OnThreadStart)
	}
	p.workers[w] = struct{}{}
	p.slots++
	go w.main() // ends by idling above Min, by a smaller Max, or with the pool
}

// releaseLocked takes w's slot back.
func (p *Pool) releaseLocked(w *worker) {
	p.arrivedLocked(w)
	if w.slot {
		w.slot = false
		p.slots--
	}
}

// comesLocked: w, which holds a slot, is going to look for a job.
func (p *Pool) comesLocked(w *worker, promptly bool) {
	w.coming, w.prompt = true, promptly
	p.coming++
	if promptly {
		p.prompt++
	}
}

// arrivedLocked: w, if it was coming, is looking now.
func (p *Pool) arrivedLocked(w *worker) {
	if !w.coming {
		return
	}
	p.coming--
	if w.prompt {
		p.prompt--
	}
	w.coming, w.prompt = false, false
}
