package threadpool

// workerHook is what a worker's goroutine does before it waits for a result: its
// slot is lent to another worker for as long as it waits, so that a job may wait
// for others of its own pool, at Max 1 too. Running other jobs on top of the one
// that waits would be a way to deadlock, and a Goexit would end both.
type workerHook struct{ w *worker }

// BeforePark is called on the worker's own goroutine.
func (h workerHook) BeforePark(any) (resume func(), err error) {
	h.w.lend()
	return h.w.regain, nil
}

// lend gives the worker's slot, and what it has not begun, to others.
func (w *worker) lend() {
	p := w.p
	p.mu.Lock()
	p.queue.putBack(w.giveBack())
	p.releaseLocked(w)
	p.lent++
	wake := p.handOnLocked()
	p.mu.Unlock()
	wakeAll(wake)
}

// regain waits for a slot, before anybody who only looks for a job.
func (w *worker) regain() {
	p := w.p
	p.mu.Lock()
	p.lent--
	if p.slots < p.max {
		p.slots++
		w.slot = true
		p.mu.Unlock()
		return
	}
	p.resuming = append(p.resuming, w)
	p.mu.Unlock()
	<-w.wakeup // a job that ends hands its slot on; see look
}
