package threadpool

// workerHook is what a worker's goroutine does before it waits for a result: its
// slot is lent to another worker for as long as it waits, so that a job may wait
// for others of its own pool, at Max 1 too. Running other jobs on top of the one
// that waits would be a way to deadlock, and a Goexit would end both.
type workerHook struct{ w *worker }

// BeforePark is called on the worker's own goroutine.
func (h workerHook) BeforePark(awaited any) (resume func(), err error) {
	if !h.w.lend(awaited) {
		return nil, nil
	}
	return h.w.regain, nil
}

// lend gives the worker's slot, and what it has not begun, to others. It reports
// false if there is nothing to take back: within another wait the slot is lent
// already. In OnThreadStop there is none, and for OnThreadStart one worker after the
// other would be started, to wait in it too.
func (w *worker) lend(awaited any) bool {
	if w.hook != nil || !runsIn(w.hand.word.Load()) {
		return false
	}
	p := w.p
	p.mu.Lock()
	w.giveBackLocked()
	p.hurryLocked(w, awaited)
	had := w.slot
	if had {
		p.releaseLocked(w)
		p.lent.Add(1)
	}
	wake := p.feedLocked()
	p.mu.Unlock()
	wakeAll(wake)
	return had
}

// hurryLocked lets what w waits for go first: the awaited job, and all that w has
// submitted since it began, one of which a combinator may wait for. Otherwise a
// thousand jobs that each wait for another one would all begin, and wait, before
// the first of the others had its turn.
func (p *Pool) hurryLocked(w *worker, awaited any) {
	n := int(min(p.queue.pushed-w.since, uint64(p.queue.len())))
	t, _ := awaited.(task)
	if of, ok := awaited.(interface{ pool() *Pool }); ok && of.pool() == p {
		n = max(n, p.queue.find(t))
	}
	if n > 0 {
		id := w.id // written before the worker's first job
		p.queue.hurry(n, func(e entry) bool { return e.by == id || e.task == t })
	}
}

// regain waits for a slot, before anybody who only looks for a job.
func (w *worker) regain() {
	p := w.p
	p.mu.Lock()
	p.lent.Add(-1)
	if p.slots < p.max {
		p.slots++
		w.slot = true
		p.mu.Unlock()
		return
	}
	p.resuming = append(p.resuming, w)
	p.ringLocked()
	p.mu.Unlock()
	<-w.wakeup // a job that ends hands its slot on; see look
}
