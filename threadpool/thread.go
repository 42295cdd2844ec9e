package threadpool

import "github.com/trestle-go/trestle/eventual"

// startThread makes the worker's thread what it is to be.
func (p *Pool) startThread(w *worker) error {
	if p.cfg.LockOSThread {
		if err := schedule(p.cfg.CPUs, p.cfg.Nice); err != nil {
			return err
		}
	}
	if p.cfg.OnThreadStart == nil {
		return nil
	}
	if err := contained(p.cfg.OnThreadStart); err != nil {
		return err
	}
	p.hooked(w, true, nil)
	return nil
}

func (p *Pool) stopThread(w *worker) {
	if p.cfg.OnThreadStop == nil {
		return
	}
	p.hooked(w, false, p.cfg.OnThreadStop)
	if err := contained(func() error { p.cfg.OnThreadStop(); return nil }); err != nil {
		p.log().Error("threadpool: OnThreadStop failed", "pool", p.cfg.Name, "error", err)
	}
}

func (p *Pool) hooked(w *worker, none bool, hook any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.hookedLocked(none, hook)
}

// contained calls f; a panic is its error. It does not return if f calls Goexit.
func contained(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
	}()
	return f()
}

// workerFailed takes a worker that could not start out of the pool. If nobody is
// left who would look for a job, what waits fails; jobs that wait for it go on so.
func (p *Pool) workerFailed(w *worker, err error) {
	err = p.errorf("OnThreadStart: %w", err)
	p.log().Error("threadpool: worker could not start", "pool", p.cfg.Name, "error", err)
	p.mu.Lock()
	w.giveBackLocked() // of a goroutine that ended before this one
	p.releaseLocked(w)
	p.retireLocked(w)
	var left []entry
	var senders []*sender
	var wake []*worker
	switch {
	case len(p.resuming)+len(p.idle) > 0: // but no new worker in place of this one: it might fail as fast
		if other, _ := p.dispatchLocked(); other != nil {
			wake = append(wake, other)
		}
	case p.slots == 0:
		left = p.queue.take(p.queue.len(), nil)
		senders, p.senders = p.senders, nil
	}
	wake = append(wake, p.settleLocked()...)
	p.mu.Unlock()
	wakeAll(wake)
	for _, e := range left {
		e.refuse(err)
	}
	for _, s := range senders {
		s.accepted <- err // its submission ends the job
	}
}
