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
		if now-time.Duration(w.hand.began.Load()) < p.cfg.SlowJob {
			continue
		}
		if job, ok := w.runningLocked(now); ok && job.hook == nil && !job.reported {
			w.reported = job.number
			slow = append(slow, job)
			w.giveBackLocked() // what it has not begun is not to wait for it
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
		p.keepStack(slow[i], job.Stack)
		p.log().Warn("threadpool: job runs long", "pool", p.cfg.Name, "job", job.Submitted, "for", job.Age, "stack", job.Stack)
	}
}

// keepStack is for Stats, unless the job has ended.
func (p *Pool) keepStack(job observed, stack string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now, ok := job.w.runningLocked(0); ok && now.number == job.number {
		job.w.stack = stack
	}
}
