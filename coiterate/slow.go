package coiterate

import (
	"log/slog"
	"time"

	"github.com/trestle-go/trestle/internal/goroutine"
)

// watchLocked has the tasks looked at while a turn goes on.
func (c *shared) watchLocked() {
	w := &c.watch
	if c.cfg.SlowStep <= 0 || w.set {
		return
	}
	w.set = true
	if w.timer == nil {
		w.base = time.Now()
		w.timer = time.AfterFunc(c.pace(), c.lookForSlow)
	} else {
		w.timer.Reset(c.pace())
	}
}

func (c *shared) pace() time.Duration { return max(c.cfg.SlowStep/4, time.Millisecond) }

// lookForSlow runs on a goroutine of the runtime's, four times in the time that a
// step may take, while there are turns. A yield leaves no trace of when it was, so
// the task is asked for the turn first: one that has not handed it back since is
// still at the step that it was at.
func (c *shared) lookForSlow() {
	c.mu.Lock()
	w := &c.watch
	if !c.inTurn {
		w.set = false
		c.mu.Unlock()
		return
	}
	now := time.Since(w.base)
	if w.seen != c.turns {
		w.seen, w.asked, w.reported = c.turns, now, false
		c.over.Store(true)
	}
	t, id, long := w.current, int64(0), now-w.asked
	if !w.reported && long >= c.cfg.SlowStep && t != nil && t.id != 0 {
		w.reported = true
		id = t.id
		c.slow++
	}
	w.timer.Reset(c.pace())
	c.mu.Unlock()
	if id != 0 {
		c.log().Warn("coiterate: step runs long", "cooperator", c.cfg.Name, "task", t.cfg.Name,
			"for", long, "stack", goroutine.Stack(id))
	}
}

func (c *shared) log() *slog.Logger {
	if c.cfg.Logger != nil {
		return c.cfg.Logger
	}
	return slog.Default()
}
