package procpool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
	"github.com/trestle-go/trestle/internal/park"
)

// deathTime is how long Stop waits for workers to be gone that it has killed. The
// kernel may take long to take a large process apart.
const deathTime = 10 * time.Second

// Stop refuses new jobs and waits until all that were accepted have run and all
// workers have ended. When ctx is done first, jobs that wait in the queue end with
// [eventual.ErrStopped], those that run are killed with their workers and end with
// an error that wraps it, and Stop returns an [*eventual.StopError] that names
// these. No process is left then; or, if the system cannot end one, that is named too. A second Stop waits for the same, as long as its
// own ctx allows.
//
// Called from an OnDone of a job of the pool, from an onProgress or from one of
// Config.ParentFuncs, Stop does not wait: it refuses new jobs and returns nil.
func (p *Pool) Stop(ctx context.Context) error {
	if ctx == nil {
		return p.errorf("Stop: nil ctx")
	}
	p.mu.Lock()
	if p.state == created {
		// What waits runs, as if the pool had been started.
		p.state = draining
		p.life.Begin()
		p.growLocked()
	}
	p.state = max(p.state, draining)
	p.settleLocked()
	p.mu.Unlock()
	if h, ok := park.Find[ownerHook](park.ID()); ok && h.p == p {
		p.attend()
		return nil
	}
	select {
	case <-p.done:
		return p.stopped()
	default:
	}
	select {
	case <-p.done:
		return p.stopped()
	case <-ctx.Done():
		return p.giveUp()
	}
}

// attend sees to it that a pool which nobody may be waiting for ends all the same.
func (p *Pool) attend() {
	p.attendOnce.Do(func() {
		go func() { // ends with the pool
			<-p.done
			_ = p.stopped()
		}()
	})
}

// stopped ends what served the workers, once there are none.
func (p *Pool) stopped() error {
	p.closeOnce.Do(func() {
		if p.starter != nil {
			p.starter.close()
		}
		p.encoder.kept.close()
		p.life.End(p.errStopped)
	})
	p.log.close()
	return nil
}

// giveUp ends what has not ended when Stop's time is up.
func (p *Pool) giveUp() error {
	p.mu.Lock()
	p.state = stopped
	var left []task
	for p.queue.len() > 0 {
		left = append(left, p.queue.pop())
	}
	running := p.runningLocked()
	for w := range p.workers {
		w.quit = true
		w.wake()
	}
	p.settleLocked()
	p.mu.Unlock()
	p.life.End(p.errStopped)
	p.attend() // if nobody else will: what follows may end the goroutine
	dropAll(left, p.errStopped)
	late := time.NewTimer(deathTime)
	defer late.Stop()
	select {
	case <-p.done:
		_ = p.stopped()
	case <-late.C: // the process of a worker cannot be killed, or a function of ours goes on
		running = append(running, p.left()...)
	}
	if len(running) == 0 {
		return nil
	}
	return &eventual.StopError{Component: p.component, Running: running}
}

// left lists what a stopped pool has waited for in vain besides jobs.
func (p *Pool) left() (running []eventual.Running) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.workers {
		if w.current == nil {
			running = append(running, eventual.Running{Name: fmt.Sprintf("worker %d, process %d", w.id, w.pid), Age: p.clock() - w.since})
		}
	}
	if p.calls > 0 {
		running = append(running, eventual.Running{Name: fmt.Sprintf("%d calls of ParentFuncs, onProgress or OnDone", p.calls)})
	}
	return running
}

// runningLocked lists the jobs that run, the oldest first.
func (p *Pool) runningLocked() (jobs []eventual.Running) {
	now := p.clock()
	for w := range p.workers {
		if w.current != nil {
			jobs = append(jobs, eventual.Running{
				Name: "job " + w.current.f.name, Age: now - w.since, Submitted: funcname.Describe(w.current.f.pc),
			})
		}
	}
	slices.SortFunc(jobs, func(a, b eventual.Running) int { return int(b.Age - a.Age) })
	return jobs
}
