package procpool

import (
	"fmt"
	"time"
)

// How long the pool waits after workers have died without having done anything:
// twice as long each time.
const (
	firstBackOff = 50 * time.Millisecond
	lastBackOff  = 5 * time.Second
	// enough failures in a row, with no worker left, are an error of the pool.
	enough = 3
)

// trouble is a pool whose workers die before they do anything. All of it is
// guarded by the pool's mu.
type trouble struct {
	failures int         // in a row
	retry    *time.Timer // until the next attempt; nil when one may be made
	refusing error       // what jobs fail with; nil while there is hope
}

func (t *trouble) waitingLocked() bool { return t.retry != nil }

// servesLocked: a worker has come up. Until it has done something the next death
// counts on.
func (t *trouble) servesLocked() { t.refusing = nil }

// overLocked: a worker has done something.
func (t *trouble) overLocked() {
	if t.failures > 0 {
		t.failures = 0
		t.endLocked()
	}
}

func (t *trouble) endLocked() {
	t.refusing = nil
	if t.retry != nil {
		t.retry.Stop()
		t.retry = nil
	}
}

// startFailed notes that a worker died before it did anything. Another is started
// after a while; if that has happened too often, waiting jobs fail.
func (p *Pool) startFailed(w *worker, err error) {
	var refused []task
	p.mu.Lock()
	t := &p.trouble
	t.failures++
	delay := min(firstBackOff<<min(t.failures-1, 10), lastBackOff)
	if p.state < stopped && t.retry == nil {
		t.retry = time.AfterFunc(delay, p.tryAgain)
	}
	if t.failures >= enough && !p.servesLocked() {
		t.refusing = fmt.Errorf("%s: %w: %w", p.component, ErrWorkersFailing, err)
		for p.queue.len() > 0 {
			refused = append(refused, p.queue.pop())
		}
	}
	refusing := t.refusing
	p.mu.Unlock()
	p.log.warn("procpool: worker does not start", "worker", w.id, "error", err, "failures", t.failures, "again_in", delay)
	for _, r := range refused {
		drop(r, refusing)
	}
}

// servesLocked reports whether any worker serves.
func (p *Pool) servesLocked() bool {
	for w := range p.workers {
		if w.state != Starting && w.state < Recycling {
			return true
		}
	}
	return false
}

// tryAgain runs on a goroutine of the runtime's.
func (p *Pool) tryAgain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble.retry = nil
	if p.state == running && p.trouble.refusing != nil && p.servingLocked() == 0 {
		p.spawnLocked() // jobs are refused, so nothing else would ask for one
	}
	p.growLocked()
	p.settleLocked()
}
