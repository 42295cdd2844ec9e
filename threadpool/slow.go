package threadpool

import "time"

// watchSlowLocked has the workers looked at while there are jobs.
func (p *Pool) watchSlowLocked() {
	if p.cfg.SlowJob <= 0 || p.alarm != nil {
		return
	}
	p.alarm = time.AfterFunc(max(p.cfg.SlowJob/2, time.Millisecond), p.lookForSlow)
}

// lookForSlow runs on a goroutine of the runtime's, twice in the time that a job
// may take, until there are no jobs.
func (p *Pool) lookForSlow() {
	var slow []observed
	p.mu.Lock()
	p.alarm = nil
	now := p.clock()
	for w := range p.workers {
		if w.isSlow(now, p.cfg.SlowJob) {
			if job, ok := w.running(now); ok {
				slow = append(slow, job)
			}
			// What it has not begun is not to wait for it.
			p.queue.putBack(w.giveBackLocked())
		}
	}
	wake := p.feedLocked()
	if p.slots > 0 || p.lentLocked() > 0 {
		p.watchSlowLocked()
	}
	p.mu.Unlock()
	wakeAll(wake)
	for i, job := range withStacks(slow) {
		p.slow.Add(1)
		slow[i].w.keepStack(slow[i].began, job.Stack)
		p.log().Warn("threadpool: job runs long", "pool", p.cfg.Name, "job", job.Submitted, "for", job.Age, "stack", job.Stack)
	}
}

// isSlow reports a job that has run longer than limit, once.
func (w *worker) isSlow(now, limit time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil || w.reported || now-w.began < limit {
		return false
	}
	w.reported = true
	return true
}

// keepStack is for Stats, unless the job that began then has ended.
func (w *worker) keepStack(began time.Duration, stack string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reported && w.began == began {
		w.stack = stack
	}
}
