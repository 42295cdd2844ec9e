package procpool

import (
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

// putBackLocked returns jobs to the front of the queue. Those that were asked to
// stop meanwhile, or all if the pool has stopped, are returned: they are to end.
func (p *Pool) putBackLocked(back []task) (unwanted []task) {
	for _, t := range back {
		j := t.core()
		j.worker = nil
		if j.ask != stopNot || p.state == stopped {
			unwanted = append(unwanted, t)
		} else {
			p.queue.putBack(t)
		}
	}
	for range min(p.queue.len(), len(p.idle)) {
		p.dispatchLocked()
	}
	p.growLocked()
	return unwanted
}

// withdraw ends a job that a worker had and none is to have again. It is one of
// the pool's calls.
func (p *Pool) withdraw(t task) {
	defer p.callEnded()
	t.fail(p.unwanted(t.core()))
}

// unwanted is the error of a job that has not begun and is not to; nil if it is.
func (p *Pool) unwanted(j *jobCore) error {
	p.mu.Lock()
	ask, state := j.ask, p.state
	p.mu.Unlock()
	switch {
	case ask == stopTimeUp && j.retried:
		return &TimeoutError{After: p.clock() - j.begun, component: p.component, job: j.f.name}
	case ask == stopTimeUp:
		return &TimeoutError{component: p.component, job: j.f.name}
	case ask == stopCanceled:
		return p.canceled(j)
	case state == stopped:
		return p.errStopped
	}
	return nil
}

// canceled is the error of a job that stopped because it was asked to.
func (p *Pool) canceled(j *jobCore) error {
	p.mu.Lock()
	cause := j.cause
	p.mu.Unlock()
	if cause == nil {
		return eventual.ErrCanceled
	}
	return p.errorf("%s: %w", j.f.name, cause)
}

// askToStop has the worker that has j tell it to stop, and takes it out of the
// queue if none has it.
func (p *Pool) askToStop(j *jobCore, why stopAsk, cause error) {
	p.mu.Lock()
	t := p.askLocked(j, why, cause)
	p.settleLocked()
	p.mu.Unlock()
	switch {
	case t == nil:
	case j.ctx == nil: // no worker ever had it, and so it has ended already
		j.release()
	default:
		go func() { // ends when all were told that wait for the result
			id := park.Enter(ownerHook{p})
			defer park.Leave(id)
			p.withdraw(t)
		}()
	}
}

// askLocked returns the job if it was in the queue.
func (p *Pool) askLocked(j *jobCore, why stopAsk, cause error) task {
	if j.ask != stopNot {
		return nil
	}
	j.ask, j.cause = why, cause
	if j.worker != nil {
		j.worker.wake()
		return nil
	}
	t := p.queue.remove(j.id) // nil: it has ended, or is on its way into the queue
	if t != nil && j.ctx != nil {
		p.calls++
	}
	return t
}
