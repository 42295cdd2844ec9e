package threadpool

import "github.com/trestle-go/trestle/eventual"

// startThread makes the worker's thread what it is to be.
func (p *Pool) startThread() error {
	if p.cfg.LockOSThread {
		if err := schedule(p.cfg.CPUs, p.cfg.Nice); err != nil {
			return err
		}
	}
	if p.cfg.OnThreadStart == nil {
		return nil
	}
	return contained(p.cfg.OnThreadStart)
}

func (p *Pool) stopThread() {
	if p.cfg.OnThreadStop == nil {
		return
	}
	if err := contained(func() error { p.cfg.OnThreadStop(); return nil }); err != nil {
		p.log().Error("threadpool: OnThreadStop failed", "pool", p.cfg.Name, "error", err)
	}
}

// contained calls f; a panic is its error.
func contained(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
	}()
	return f()
}

// workerFailed takes a worker that could not start out of the pool. If it was the
// last one, nobody is left to run what waits.
func (p *Pool) workerFailed(w *worker, err error) {
	err = p.errorf("OnThreadStart: %w", err)
	p.log().Error("threadpool: worker could not start", "pool", p.cfg.Name, "error", err)
	p.mu.Lock()
	p.queue.putBack(w.giveBack()) // of a goroutine that ended before this one
	p.releaseLocked(w)
	p.retireLocked(w)
	wake := p.settleLocked()
	var left []entry
	var senders []*sender
	if len(p.workers) == 0 {
		left = p.queue.take(p.queue.len(), nil)
		senders, p.senders = p.senders, nil
		wake = append(wake, p.settleLocked()...)
	}
	p.mu.Unlock()
	wakeAll(wake)
	for _, e := range left {
		e.task.refuse(err)
	}
	for _, s := range senders {
		s.accepted <- err
	}
}
