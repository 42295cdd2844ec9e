package threadpool

import (
	"cmp"
	"slices"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/histogram"
)

// Stats says how a pool is doing.
type Stats struct {
	Name      string
	Min, Max  int
	Workers   int // of which
	Idle      int // have nothing to do,
	Busy      int // run a job or look for one, never more than Max, and
	Waiting   int // run a job that waits for a result, their place lent to another
	Queued    int // jobs that wait
	QueuedMax int // the most that ever waited
	Blocked   int // submissions that wait for room in the queue

	Succeeded uint64 // jobs that returned without an error
	Failed    uint64 // jobs that returned an error, panicked or called Goexit
	Panicked  uint64 // of these, those that panicked
	Slow      uint64 // jobs that ran longer than Config.SlowJob

	// SlowJobs are those that do so now, the oldest first, each with the stack that
	// it had when it was reported.
	SlowJobs []eventual.Running

	Wait histogram.Summary // in the queue; of every sixty-fourth job
	Run  histogram.Summary // of the same jobs
}

// Stats returns a snapshot. A job whose result is there has been counted.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	s := Stats{
		Name: p.cfg.Name, Min: p.min, Max: p.max,
		Workers: len(p.workers), Idle: len(p.idle), Busy: p.slots, Waiting: p.lentLocked() + len(p.resuming),
		Queued: p.waitingLocked(), QueuedMax: p.queue.high, Blocked: len(p.senders),
		Succeeded: p.retired,
	}
	for w := range p.workers {
		s.Succeeded += w.successesLocked()
	}
	s.SlowJobs = p.slowLocked()
	p.mu.Unlock()
	s.QueuedMax = max(s.QueuedMax, s.Queued)
	s.Failed = p.failed.Load()
	s.Panicked, s.Slow = p.panicked.Load(), p.slow.Load()
	s.Wait, s.Run = p.waitTimes.Summary(), p.runTimes.Summary()
	return s
}

func (p *Pool) slowLocked() (jobs []eventual.Running) {
	if p.cfg.SlowJob <= 0 {
		return nil
	}
	now := p.clock()
	for w := range p.workers {
		if job, ok := w.runningLocked(now); ok && job.reported {
			jobs = append(jobs, job.Running)
		}
	}
	slices.SortFunc(jobs, func(a, b eventual.Running) int { return cmp.Compare(b.Age, a.Age) })
	return jobs
}
