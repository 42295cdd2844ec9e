package threadpool

// sweepAlways is how long a full queue may be that is searched each time.
const sweepAlways = 8

// sweepLocked takes the jobs out of a full queue that will not be started, because
// their callers have given up. If there are none, the next look at a long queue is so
// far off that a refusal costs one job looked at. The callers' ctxs are their code: mu
// is unlocked while they are asked.
func (p *Pool) sweepLocked() (wake []*worker) {
	if p.sweepIn > 0 {
		p.sweepIn--
		return nil
	}
	p.recallLocked()
	p.sweepIn = p.queue.len() - sweepAlways
	waiting := p.queue.tasks()
	p.mu.Unlock()
	for _, t := range waiting {
		_ = contained(func() error { t.expire(); return nil }) // of others, perhaps
	}
	p.mu.Lock()
	for _, e := range p.queue.remove(p.queue.len(), func(e entry) bool { return e.task.over() }) {
		p.sweepIn = 0
		e.task.drop()
	}
	return append(p.feedLocked(), p.settleLocked()...)
}
