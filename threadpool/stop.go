package threadpool

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
	"github.com/trestle-go/trestle/internal/goroutine"
	"github.com/trestle-go/trestle/internal/park"
)

// Stop refuses new jobs and waits until all that were accepted have run. When ctx
// is done first, jobs that wait in the queue end with [eventual.ErrStopped], the
// ctx of those that run is cancelled, and Stop returns an [*eventual.StopError]
// that names them, and an OnThreadStop that has not run by then; the workers end when
// their jobs do. Unless Config.SlowJob is set, a job that its worker took along with
// others, because these were short, may be given the age of the first of them. A second Stop waits for the same, as long as its own
// ctx allows. Called by a job of the pool, Stop does not wait for that job: it refuses
// new jobs and returns nil.
func (p *Pool) Stop(ctx context.Context) error {
	if ctx == nil {
		return p.errorf("Stop: nil ctx")
	}
	p.mu.Lock()
	var wake []*worker
	if p.state == created {
		// What waits runs, as if the pool had been started.
		p.state = draining
		p.life.Begin()
		p.watchSlowLocked()
		wake = p.feedLocked()
	}
	p.state = max(p.state, draining)
	p.ringLocked()
	wake = append(wake, p.settleLocked()...)
	p.mu.Unlock()
	wakeAll(wake)
	if h, ok := park.Find[workerHook](park.ID()); ok {
		if h.w.p == p {
			return nil
		}
		if h.w.lend(nil) { // a job of another pool, which ours may wait for
			defer h.w.regain()
		}
	}
	select {
	case <-p.done:
		return nil
	default:
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return p.giveUp()
	}
}

// giveUp ends what can be ended when Stop's time is up.
func (p *Pool) giveUp() error {
	p.mu.Lock()
	p.state = stopped
	left := p.queue.take(p.queue.len(), nil)
	for w := range p.workers {
		left = w.hand.takeLocked(batch, left)
	}
	senders := p.senders
	p.senders = nil
	var wake []*worker
	for len(p.idle) > 0 {
		wake = append(wake, p.popIdleLocked())
	}
	running := p.unendedLocked()
	p.mu.Unlock()
	p.life.End(p.errStopped)
	for _, e := range left {
		e.refuse(p.errStopped)
	}
	for _, s := range senders {
		s.accepted <- p.errStopped // its submission ends the job
	}
	wakeAll(wake)
	p.mu.Lock()
	wake = p.settleLocked()
	p.mu.Unlock()
	wakeAll(wake)
	if len(running) == 0 {
		<-p.done // no code but the pool's own is left to run
		return nil
	}
	return &eventual.StopError{Component: p.component, Running: withStacks(running)}
}

// observed is a job that runs, or the hook of a thread.
type observed struct {
	eventual.Running
	goroutine int64
	w         *worker
	hook      any
	number    uint64 // of the job among those of its worker
	reported  bool   // as slow
}

// withStacks stops the world for each, so it is for reports, and under no lock.
func withStacks(jobs []observed) []eventual.Running {
	out := make([]eventual.Running, len(jobs))
	for i, job := range jobs {
		out[i] = job.Running
		out[i].Stack = goroutine.Stack(job.goroutine)
	}
	return out
}

// unendedLocked lists the jobs that run, those that wait for something included, and
// the hooks of threads, also those that workers without a job have yet to come to, the
// oldest first.
func (p *Pool) unendedLocked() (jobs []observed) {
	now := p.clock()
	for w := range p.workers {
		if job, ok := w.runningLocked(now); ok {
			jobs = append(jobs, job)
		} else if p.cfg.OnThreadStop != nil {
			jobs = append(jobs, w.observedHook(p.cfg.OnThreadStop))
		}
	}
	slices.SortFunc(jobs, func(a, b observed) int { return cmp.Compare(b.Age, a.Age) })
	return jobs
}

// runningLocked describes the worker's job, or the hook of its thread.
func (w *worker) runningLocked(now time.Duration) (job observed, ok bool) {
	job = observed{Running: eventual.Running{Name: "job"}, goroutine: w.id, w: w}
	if w.hook != nil {
		job, ok = w.observedHook(w.hook), true
	} else {
		w.hand.watchLocked(func(t task, place int) {
			job.Submitted, ok = funcname.Describe(t.Func()), true
			job.number = w.hands*(batch+1) + uint64(place) + 1
			if job.reported = job.number == w.reported; job.reported {
				job.Stack = w.stack
			}
		})
	}
	job.Age = now - time.Duration(w.hand.began.Load())
	return job, ok
}

func (w *worker) observedHook(hook any) observed {
	return observed{Running: eventual.Running{Name: "thread hook", Submitted: funcname.Describe(funcname.PC(hook))}, goroutine: w.id, w: w, hook: hook}
}
