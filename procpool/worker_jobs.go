package procpool

import (
	"time"

	"github.com/trestle-go/trestle/internal/frame"
)

// refill takes jobs for the worker if it has room, and lets it go idle or end if
// there is nothing to do. If who is told that one has ended in the queue ends the
// goroutine, main goes on.
func (w *worker) refill() {
	if !w.serves {
		return
	}
	over := false
	defer func() {
		if !over {
			w.wake()
		}
	}()
	for !over {
		taken, retire := w.take()
		w.sendAll(taken)
		if retire {
			w.retire()
		}
		over = retire || len(w.line) > 0 || len(taken) == 0 // else all that was taken has ended already
	}
}

// sendAll sends jobs, which are in no queue any more: all of them, also if one ends the
// goroutine.
func (w *worker) sendAll(jobs []task) {
	defer func() {
		if len(jobs) > 0 {
			w.sendAll(jobs)
		}
	}()
	for len(jobs) > 0 {
		t := jobs[0]
		jobs = jobs[1:] // first: what follows may end the goroutine
		w.sendJob(t)
	}
}

// take takes jobs out of the queue, or notes that the worker is idle.
func (w *worker) take() (taken []task, retire bool) {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.state == Starting || w.state >= Recycling {
		return nil, false
	}
	p.unparkLocked(w)
	spent := w.spentLocked()
	if !spent {
		taken = w.takeLocked()
	}
	if len(taken) > 0 || len(w.line) > 0 {
		if w.state == Idle {
			w.setLocked(Busy)
		}
		return taken, false
	}
	w.current, w.since = nil, p.clock()
	if spent || p.servingLocked() > p.max || p.state >= draining {
		p.leaveLocked(w, Recycling) // at once: or another would think that there is one too many still
		return nil, true
	}
	w.setLocked(Idle)
	p.parkLocked(w)
	w.due.idle = 0
	if p.servingLocked() > p.min {
		w.due.idle = later(w.since, p.cfg.IdleTimeout)
	}
	return nil, false
}

// takeLocked takes as many jobs as the worker may have ahead.
func (w *worker) takeLocked() (taken []task) {
	p := w.p
	if p.state == stopped || w.state == Canceling || p.servingLocked() > p.max {
		return nil
	}
	room := 1
	if w.pace < short && !w.runsLong() {
		room = min(maxAhead, int(patience/max(w.pace, 1)), p.queue.len()/max(p.servingLocked(), 1)+1)
	}
	if p.cfg.RecycleAfter > 0 {
		room = min(room, p.cfg.RecycleAfter-int(w.jobs))
	}
	for size := 0; len(w.line)+len(taken) < room && size < aheadSize && p.queue.len() > 0; {
		t := p.queue.pop()
		t.core().worker = w
		size += len(t.core().in.data)
		taken = append(taken, t)
	}
	return taken
}

// runsLong reports whether the job that runs has taken so long that those behind
// it are called back. They would be sent, and called back, again and again.
func (w *worker) runsLong() bool {
	return len(w.line) > 0 && w.p.clock()-w.begun >= patience
}

// spentLocked reports whether the worker has run as many jobs as it may,
// or has grown too large.
func (w *worker) spentLocked() bool {
	return w.spent || w.p.cfg.RecycleAfter > 0 && w.jobs >= uint64(w.p.cfg.RecycleAfter)
}

// sendJob sends a job, unless it has ended in the queue.
func (w *worker) sendJob(t task) {
	j, begun := t.core(), false
	defer func() {
		if !begun { // also if who is told that it has ended ends the goroutine
			w.p.forget(j)
			j.release()
		}
	}()
	if begun = t.begin(); !begun {
		return
	}
	p := w.p
	j.asked, j.recalled = stopNot, false
	var limit time.Duration // that the job has, as far as it is known yet
	if now := p.clock(); p.cfg.JobTimeout > 0 || !j.deadline.IsZero() {
		limit = max(w.timeLimit(j, now)-now, time.Microsecond)
	}
	w.put(frame.Job, j.id, j.f.name, limit, j.in)
	w.line = append(w.line, t)
	if len(w.line) == 1 {
		w.first()
	}
}

// forget notes that no worker has j.
func (p *Pool) forget(j *jobCore) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j.worker = nil
}

// timeLimit is until when a job that begins now may run; 0: for ever.
func (w *worker) timeLimit(j *jobCore, now time.Duration) (limit time.Duration) {
	if w.p.cfg.JobTimeout > 0 {
		limit = later(now, w.p.cfg.JobTimeout)
	}
	if !j.deadline.IsZero() {
		if at := later(now, time.Until(j.deadline)); limit == 0 || at < limit {
			limit = at
		}
	}
	return limit
}

// first sees to the job that has become the first in line.
func (w *worker) first() {
	j := w.line[0].core()
	now := w.p.clock()
	w.begun, j.begun = now, now
	w.p.waitTimes.Record(now - j.submitted)
	w.jobEnded() // the one before
	w.due.stop, w.due.idle = w.timeLimit(j, now), 0
	p := w.p
	p.mu.Lock()
	w.current, w.since = j, now
	if w.state == Canceling || w.state == Idle {
		w.setLocked(Busy)
	}
	ask := j.ask
	p.mu.Unlock()
	if ask != stopNot {
		w.stopFirst(ask)
	}
}

// stopFirst asks the job that runs to stop, once. Grace begins.
func (w *worker) stopFirst(why stopAsk) {
	j := w.line[0].core()
	if j.asked != stopNot {
		return
	}
	j.asked = why
	w.due.stop = 0
	grace := w.p.cfg.Grace
	if grace < 0 {
		w.kill(killJob)
		return
	}
	var flags uint8
	if why == stopTimeUp {
		flags = frame.Deadline
	}
	w.putFrame(frame.Cancel, flags, j.id, nil)
	w.due.kill = later(w.p.clock(), grace)
	w.toState(Canceling)
}

// lookUp sees to what p.mu guards: jobs that are to stop, and a pool that does.
func (w *worker) lookUp() {
	p := w.p
	p.mu.Lock()
	quit, serving := w.quit, w.state < Recycling
	abandon := w.state == Starting && p.state >= draining && p.queue.len() == 0
	var stop stopAsk
	var back []*jobCore
	for i, t := range w.line {
		j := t.core()
		switch {
		case j.ask == stopNot:
		case i == 0:
			stop = j.ask
		case !j.recalled:
			back = append(back, j)
		}
	}
	p.mu.Unlock()
	switch {
	case quit:
		w.stopNow()
		return
	case abandon:
		w.kill(killStop)
		return
	case !serving:
		return
	}
	if stop != stopNot {
		w.stopFirst(stop)
	}
	for _, j := range back {
		w.recall(j)
	}
	w.refill()
}

// stopNow kills the worker of a pool that waits no longer.
func (w *worker) stopNow() {
	if len(w.line) > 0 && w.line[0].core().asked == stopNot {
		w.line[0].core().asked = stopPool
	}
	if w.killed == killNot || w.due.kill != 0 {
		w.kill(killStop)
	}
}

// recall asks for a job back that was sent ahead.
func (w *worker) recall(j *jobCore) {
	j.recalled = true
	w.putFrame(frame.Recall, 0, j.id, nil)
}

// retire tells an idle worker to exit.
func (w *worker) retire() {
	w.retired = true
	w.toState(Recycling)
	w.putFrame(frame.Retire, 0, 0, nil)
	w.due = deadlines{kill: later(w.p.clock(), max(w.p.cfg.Grace, time.Second))}
}
