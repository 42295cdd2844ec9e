package reactor

import (
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/histogram"
)

// Stats says how a reactor is doing. Taking one costs a few microseconds and
// holds the reactor up no longer than a submission does.
type Stats struct {
	Name       string
	State      string            // created, running, stopping or stopped
	Queued     int               // calls submitted by other goroutines and not taken by the loop
	QueuedMax  int               // the most that ever waited at once
	Lag        histogram.Summary // from when work was due until it began: every timer, and the first call of every sixteenth batch
	Busy       float64           // share of Uptime in which the loop was not asleep, 0 to 1
	Callbacks  uint64            // calls and timers run, as of when the loop last slept or ended a batch
	Timers     int               // delayed calls still to come
	Coroutines int               // that have begun and not ended
	Stalls     uint64            // callbacks that held the loop longer than Config.StallThreshold
	Panics     uint64            // callbacks that panicked outside of work that has a result
	Uptime     time.Duration     // since Start, until the loop ended
}

// Stats returns a snapshot.
func (r *Reactor) Stats() Stats {
	s := Stats{
		Name:       r.cfg.Name,
		Lag:        r.lag.Summary(),
		Callbacks:  r.callbacks.Load(),
		Timers:     r.timers.pending(),
		Coroutines: int(r.coLive.Load()),
		Stalls:     r.stalls.Load(),
		Panics:     r.panics.Load(),
	}
	r.inbox.mu.Lock()
	s.Queued = r.inbox.tasks.len
	s.QueuedMax = max(r.inbox.high, s.Queued)
	r.inbox.mu.Unlock()
	r.mu.Lock()
	s.State = [...]string{"created", "running", "stopping", "stopped"}[r.state]
	r.mu.Unlock()
	if s.State != "created" {
		s.Uptime, s.Busy = r.meter.read(r.clock())
	}
	return s
}

// meter tells how long the loop was awake. It is written by the loop when it goes
// to sleep and wakes, and read by anybody.
type meter struct {
	begun atomic.Int64
	woke  atomic.Int64 // since when the loop is awake; 0 while it sleeps
	busy  atomic.Int64 // of the times it was awake before
	over  atomic.Int64 // when the loop ended; 0 before
}

func (m *meter) begin(now time.Duration) {
	m.begun.Store(int64(now))
	m.woke.Store(max(int64(now), 1))
}

func (r *Reactor) idle() {
	m := &r.meter
	m.busy.Store(m.busy.Load() + int64(r.clock()) - m.woke.Load())
	m.woke.Store(0)
}

// endMeter is called by the loop when it ends.
func (r *Reactor) endMeter() {
	r.idle()
	r.meter.over.Store(int64(r.clock()))
}

func (r *Reactor) awake() {
	r.meter.woke.Store(max(int64(r.clock()), 1))
	if r.watchdog.asleep.Load() {
		r.watchdog.wake()
	}
}

// awakeFor returns how long the loop has been awake; 0 if it sleeps.
func (m *meter) awakeFor(now time.Duration) time.Duration {
	if woke := m.woke.Load(); woke != 0 {
		return now - time.Duration(woke)
	}
	return 0
}

func (m *meter) read(now time.Duration) (uptime time.Duration, share float64) {
	if over := m.over.Load(); over != 0 {
		now = time.Duration(over)
	}
	uptime = now - time.Duration(m.begun.Load())
	if uptime <= 0 {
		return 0, 0
	}
	busy := time.Duration(m.busy.Load()) + m.awakeFor(now)
	return uptime, min(float64(busy)/float64(uptime), 1)
}
