package httpbridge

import (
	"container/list"
	"time"
)

// ended is called when the work of e has ended.
func (s *Resources) ended(e *resource) {
	s.finish(e)
	e.tracker.change()
}

func (s *Resources) finish(e *resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.state != statePending { // it counted on because the work did
		s.uncountLocked(e)
		return
	}
	now := time.Now()
	s.pending.Remove(e.place)
	e.state, e.until = stateFinished, now.Add(s.cfg.TTL)
	e.place = s.finished.PushBack(e)
	if o := s.owners[e.owner]; o != nil {
		e.mine = o.finished.PushBack(e)
	}
	s.armLocked(now)
}

func (s *Resources) uncountLocked(e *resource) {
	if e.counts {
		e.counts = false
		s.countLocked(e.owner, -1)
	}
}

// pastLocked takes the work of e away, which is to be dropped once mu is free. Work
// that goes on counts until it has ended.
func (s *Resources) pastLocked(e *resource, now time.Time, why string) (w work) {
	if e.state == statePending {
		s.pending.Remove(e.place)
	} else {
		s.finished.Remove(e.place)
		if e.mine != nil {
			s.owners[e.owner].finished.Remove(e.mine)
			e.mine = nil
		}
		s.uncountLocked(e)
	}
	w, e.work = e.work, nil
	e.state, e.until, e.why = statePast, now.Add(s.cfg.TTL), why
	e.place = s.past.PushBack(e)
	e.tracker.change() // a lock of its own, under which nothing happens
	return w
}

// sweep moves on whatever has expired, and returns the time it went by. It is
// called before anything is looked at, and by the timer, on a goroutine that ends
// with the call.
func (s *Resources) sweep() (now time.Time) {
	now = time.Now()
	s.mu.Lock()
	slow, unfetched := s.sweepLocked(now)
	s.mu.Unlock()
	for _, w := range slow {
		s.route.logger().Warn("httpbridge: work for a result resource took too long and was cancelled", "limit", s.cfg.MaxRun)
		w.Cancel()
	}
	for _, w := range unfetched {
		w.Abandon()
	}
	return now
}

func (s *Resources) sweepLocked(now time.Time) (slow, unfetched []work) {
	for e := expired(&s.pending, now); e != nil; e = expired(&s.pending, now) {
		slow = append(slow, s.pastLocked(e, now, "The work took too long and was cancelled."))
	}
	for e := expired(&s.finished, now); e != nil; e = expired(&s.finished, now) {
		unfetched = append(unfetched, s.pastLocked(e, now, "The result has expired."))
	}
	for e := first(&s.past); e != nil && (!now.Before(e.until) || s.past.Len() > s.cfg.Max); e = first(&s.past) {
		s.past.Remove(e.place)
		delete(s.byID, e.id)
	}
	s.armLocked(now)
	return slow, unfetched
}

func first(l *list.List) *resource {
	if l.Front() == nil {
		return nil
	}
	return l.Front().Value.(*resource)
}

// expired returns the first of l if its time has come.
func expired(l *list.List, now time.Time) *resource {
	if e := first(l); e != nil && !now.Before(e.until) {
		return e
	}
	return nil
}

// armLocked sets the timer to what expires next. All lists are in the order of
// until.
func (s *Resources) armLocked(now time.Time) {
	var next time.Time
	for _, l := range []*list.List{&s.pending, &s.finished, &s.past} {
		if e := first(l); e != nil && (next.IsZero() || e.until.Before(next)) {
			next = e.until
		}
	}
	if next.Equal(s.armed) {
		return
	}
	s.armed = next
	switch {
	case s.timer == nil:
		s.timer = time.AfterFunc(next.Sub(now), func() { s.sweep() }) // stopped by Close
	case next.IsZero():
		s.timer.Stop()
	default:
		s.timer.Reset(next.Sub(now))
	}
}

// Close ends all of it: work that is pending is cancelled, event streams end,
// failures that nobody has fetched are reported, and what comes later is refused.
func (s *Resources) Close() {
	s.end()
	var works []work
	now := time.Now()
	s.mu.Lock()
	s.closed = true
	for _, l := range []*list.List{&s.pending, &s.finished} {
		for e := first(l); e != nil; e = first(l) {
			works = append(works, s.pastLocked(e, now, ""))
		}
	}
	s.past.Init()
	clear(s.byID)
	s.armLocked(now)
	s.mu.Unlock()
	for _, w := range works {
		w.Cancel()
		w.Abandon()
	}
}

// ResourcesStats says what there is.
type ResourcesStats struct {
	Pending  int // the work goes on
	Finished int // the outcome is kept
	Counted  int // of Max: those, what is about to be one of them, and work that goes on after its resource was deleted
	Owners   int // who have any, if there is ResourcesConfig.Owner
}

// Stats returns what there is now.
func (s *Resources) Stats() ResourcesStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ResourcesStats{Pending: s.pending.Len(), Finished: s.finished.Len(), Counted: s.count, Owners: len(s.owners)}
}
