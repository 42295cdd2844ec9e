package procpool

import (
	"cmp"
	"slices"
	"time"

	"github.com/trestle-go/trestle/internal/histogram"
)

// Stats says how a pool is doing.
type Stats struct {
	Name      string
	Min, Max  int
	Workers   []WorkerStats // the oldest first
	Queued    int           // jobs that wait
	QueuedMax int           // the most that ever waited

	Succeeded uint64 // jobs that returned a value
	Failed    uint64 // jobs that ended otherwise after they were given to a worker
	Retried   uint64 // jobs of idempotent functions that were run again
	Started   uint64 // workers that were started
	Died      uint64 // workers that have ended, for whatever reason
	Failing   bool   // workers do not start: see ErrWorkersFailing

	Wait histogram.Summary // of jobs, until they began
	Run  histogram.Summary // of jobs, from then on
}

// WorkerStats says how one worker is doing.
type WorkerStats struct {
	ID    int // in the order of their starts, from 1
	PID   int // 0 until it has one, and with Config.InProcess that of this process
	State State
	Job   string        // the function that runs; "" if none does
	Age   time.Duration // of that job, or of the state
	Jobs  uint64        // that ended here
	RSS   int64         // bytes of memory that it holds; Linux and Windows only
	CPU   time.Duration // processor time that it has used; Linux and Windows only
}

// Stats returns a snapshot. A job whose result is there has been counted.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	s := Stats{
		Name: p.cfg.Name, Min: p.min, Max: p.max, Queued: p.queue.len(), QueuedMax: p.queue.high,
		Failing: p.trouble.refusing != nil,
	}
	now := p.clock()
	for w := range p.workers {
		ws := WorkerStats{ID: w.id, PID: w.pid, State: w.state, Jobs: w.jobs, Age: now - w.since}
		if w.current != nil {
			ws.Job = w.current.f.name
		}
		s.Workers = append(s.Workers, ws)
	}
	p.mu.Unlock()
	slices.SortFunc(s.Workers, func(a, b WorkerStats) int { return cmp.Compare(a.ID, b.ID) })
	for i := range s.Workers {
		u := usage(s.Workers[i].PID)
		s.Workers[i].RSS, s.Workers[i].CPU = u.rss, u.cpu
	}
	s.Succeeded, s.Failed, s.Retried = p.succeeded.Load(), p.failed.Load(), p.retried.Load()
	s.Started, s.Died = p.started.Load(), p.died.Load()
	s.Wait, s.Run = p.waitTimes.Summary(), p.runTimes.Summary()
	return s
}
