package threadpool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trestle-go/trestle/internal/park"
)

// sender is a submission that waits for room in the queue.
type sender struct {
	entry
	accepted chan error // one slot: nil, or why not
}

// submitToFull is submit to a queue that is full. It unlocks mu.
func (p *Pool) submitToFull(ctx context.Context, t task) (err error) {
	wake := p.sweepLocked()
	var s *sender
	switch {
	case p.state >= draining:
		err = p.errStopped
	case !p.fullLocked():
		if w := p.enqueueLocked(t); w != nil {
			wake = append(wake, w)
		}
	case p.cfg.BlockWhenFull:
		s = &sender{entry: entry{task: t, by: park.ID()}, accepted: make(chan error, 1)}
		p.senders = append(p.senders, s)
	default:
		err = fmt.Errorf("%s: %w: %d jobs wait", p.component, ErrQueueFull, p.cfg.QueueLimit)
	}
	p.mu.Unlock()
	wakeAll(wake)
	if s != nil {
		return p.waitForRoom(ctx, s)
	}
	return err
}

// fullLocked: those who wait for room have it before those who come.
func (p *Pool) fullLocked() bool {
	return p.cfg.QueueLimit > 0 && (len(p.senders) > 0 || p.roomLocked() <= 0)
}

// roomLocked is how many more jobs the queue has room for; it may be more. A job
// that a worker is on its way for does not wait, nor does one for which there is a
// slot; one that a worker has taken with others, and not begun, does.
func (p *Pool) roomLocked() int {
	room := p.cfg.QueueLimit + p.coming + max(p.freeLocked()-len(p.resuming), 0) - p.queue.len()
	if room > 0 && room <= len(p.sharers)*(batch-1) {
		room -= p.sparesLocked()
	}
	return room
}

// admitLocked lets those who wait into the queue as there is room. If jobs are short
// it does so once there is room for an eighth of a long queue, or after a moment, since
// waking one after each job costs more than the job, and the workers have enough to do.
func (p *Pool) admitLocked() {
	if len(p.senders) == 0 {
		return
	}
	room := p.roomLocked()
	if p.quick && room < p.cfg.QueueLimit/8 {
		if room > 0 && p.opening == nil {
			p.opening = time.AfterFunc(heldUp, p.open)
		}
		return
	}
	for ; len(p.senders) > 0 && room > 0; room-- {
		s := p.senders[0]
		p.senders[0] = nil
		p.senders = p.senders[1:]
		p.pushLocked(s.entry)
		s.accepted <- nil // has a slot, and is sent to once
	}
}

// open lets those in who were held back, on a goroutine of the runtime's: the jobs
// that have begun since may be long ones.
func (p *Pool) open() {
	p.mu.Lock()
	p.opening = nil
	p.quick = false
	wake := p.feedLocked()
	p.mu.Unlock()
	wakeAll(wake)
}

// waitForRoom parks the submitter. On a reactor's goroutine that is refused, and a
// worker of this pool lends its slot meanwhile.
func (p *Pool) waitForRoom(ctx context.Context, s *sender) error {
	resume, err := park.Before(s.by, nil)
	if err == nil {
		if resume != nil {
			defer resume()
		}
		select {
		case err := <-s.accepted:
			return err
		case <-ctx.Done():
			err = p.errorf("%w, and no room in time: %w", ErrQueueFull, context.Cause(ctx))
		}
	}
	p.mu.Lock()
	i := slices.Index(p.senders, s)
	if i >= 0 {
		p.senders = slices.Delete(p.senders, i, i+1)
	}
	wake := p.settleLocked()
	p.mu.Unlock()
	wakeAll(wake)
	if i < 0 { // it was accepted, or refused, first
		return <-s.accepted
	}
	return err
}
