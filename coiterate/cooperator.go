package coiterate

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/attention"
)

// Cooperator shares a loop's time among tasks, in turn. Its methods may be called
// by any goroutine. Make one with [New], and stop it before its scheduler.
type Cooperator struct {
	*shared            // by all that With made of one another
	task    TaskConfig // of the tasks that are made through this one
}

// shared is what there is once of a Cooperator.
type shared struct {
	s       Scheduler
	cfg     Config
	waiting attention.Word // what s.Busy says, where that need not be called
	over    atomic.Bool    // the slice is used up

	mu        sync.Mutex // guards what follows; nothing blocks and no task runs under it
	halted    bool       // Stop was called and Start not since
	lost      bool       // the scheduler takes no more calls
	unwinding bool       // a goroutine ends the tasks of a scheduler that is lost
	ready     []*Task    // that want a turn, from head on
	head      int
	live      map[*Task]struct{}
	empty     chan struct{} // closed when live has become empty; nil while it is
	scheduled bool          // a turn is submitted or running
	inTurn    bool          // it is running
	turns     uint64
	ended     uint64
	slow      uint64
	watch     slowWatch

	armed     atomic.Bool // the timer that ends the slice is set
	stopSlice func() bool // stops it; owned by whoever has the scheduler's turn
}

// New returns a Cooperator that runs tasks on s.
func New(s Scheduler, cfg Config) *Cooperator {
	c := &shared{s: s, cfg: cfg.withDefaults(), waiting: attention.Unknown(), live: make(map[*Task]struct{})}
	if a, ok := s.(attention.Payer); ok {
		if of, w := a.Attention(); of == any(s) { // else s has a Busy of its own around a reactor's
			c.waiting = w
		}
	}
	return &Cooperator{shared: c}
}

// With returns the same Cooperator, for tasks that are to be as cfg says:
//
//	coiterate.Coiterate(ctx, c.With(coiterate.TaskConfig{Weight: 3}), seq)
func (c *Cooperator) With(cfg TaskConfig) *Cooperator { return &Cooperator{c.shared, cfg} }

// Start lets a Cooperator that was stopped take tasks again.
func (c *shared) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halted, c.lost = false, false
}

// Stop ends every task with [ErrSchedulerStopped]; their deferred functions run in
// the scheduler's next turn. New tasks are refused until Start.
func (c *shared) Stop() {
	c.mu.Lock()
	c.halted = true
	tasks := make([]*Task, 0, len(c.live))
	for t := range c.live {
		tasks = append(tasks, t)
	}
	c.mu.Unlock()
	for _, t := range tasks {
		_ = t.end(ErrSchedulerStopped) // it may have ended just now
	}
}

// Running reports whether the Cooperator takes tasks.
func (c *shared) Running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.halted
}

// Stats says how a Cooperator is doing.
type Stats struct {
	Name  string
	Live  int    // tasks that have not ended, of which
	Ready int    // wait for their turn; the others sleep or are paused, one may run
	Ended uint64 // tasks that have ended
	Turns uint64 // turns that tasks were given
	Slow  uint64 // steps that took longer than Config.SlowStep
}

// Stats returns a snapshot.
func (c *shared) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Name: c.cfg.Name, Live: len(c.live), Ready: len(c.ready) - c.head,
		Ended: c.ended, Turns: c.turns, Slow: c.slow,
	}
}

func (c *shared) errorf(format string, args ...any) error {
	return fmt.Errorf("coiterate "+c.cfg.Name+": "+format, args...)
}

// slowWatch is what the watch over slow steps has seen; guarded by shared.mu.
type slowWatch struct {
	timer    *time.Timer   // nil unless Config.SlowStep asks for one
	set      bool          // the timer is
	current  *Task         // that has the turn
	seen     uint64        // turn that the last look found
	asked    time.Duration // when the task was first asked for the turn
	reported bool
	base     time.Time // zero of its clock
}
