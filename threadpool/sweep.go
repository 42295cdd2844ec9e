package threadpool

// sweepAlways is how long a full queue may be that is searched each time.
const sweepAlways = 8

// sweepAndUnlock takes the jobs out of a full queue that will not be started,
// because their callers have given up. It reports whether there were any; if there
// were not, the next look at a long queue is so far off that a refusal costs one job
// looked at. What the callers' ctxs say is asked without mu: they are their code.
func (p *Pool) sweepAndUnlock() (swept bool) {
	if p.sweepIn > 0 {
		p.sweepIn--
		p.mu.Unlock()
		return false
	}
	p.recallLocked()
	p.sweepIn = p.queue.len() - sweepAlways
	waiting := p.queue.tasks()
	p.mu.Unlock()
	for _, t := range waiting {
		t.expire()
	}
	p.mu.Lock()
	dead := p.queue.remove(p.queue.len(), func(e entry) bool { return e.task.over() })
	if len(dead) > 0 {
		p.sweepIn = 0
	}
	wake := p.feedLocked()
	wake = append(wake, p.settleLocked()...)
	p.mu.Unlock()
	wakeAll(wake)
	return len(dead) > 0
}
