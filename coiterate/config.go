package coiterate

import (
	"log/slog"
	"time"
)

// Scheduler is the event loop that tasks run on: a *reactor.Reactor is one.
type Scheduler interface {
	// Call has f called in the loop's turn. An error says that the loop has stopped.
	Call(f func()) error
	// AfterFunc has f called once d has passed; stop prevents that.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
	// Busy reports whether anything else waits for the loop.
	Busy() bool
}

// Config says how a Cooperator is to be. The zero value is a good one.
type Config struct {
	// Name appears in errors, logs and Stats. Zero: "cooperator".
	Name string
	// Slice is how long tasks go on while the loop has nothing else to do. Zero:
	// 10 ms.
	Slice time.Duration
	// StepsPerTurn ends a task's turn after so many steps, times its weight,
	// whatever the time: with 1, tasks strictly alternate. Zero: no such limit.
	StepsPerTurn int
	// SlowStep is how long a step may hold the loop before it is logged with its
	// stack, once. Zero: any time.
	SlowStep time.Duration
	// Logger gets what has nobody to return it to. Zero: slog.Default().
	Logger *slog.Logger
}

// TaskConfig says how the tasks that are made through [Cooperator.With] are to be.
// The zero value is how they are without.
type TaskConfig struct {
	// Name appears in the report of a slow step. Zero: none.
	Name string
	// Weight is how many turns the task has for each one of a task of weight 1, and
	// so its share of the time. Zero: 1.
	Weight int
	// Total is how many steps the task is going to take, for Progress. Zero: not
	// known.
	Total int64
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "cooperator"
	}
	if c.Slice <= 0 {
		c.Slice = 10 * time.Millisecond
	}
	c.StepsPerTurn = max(c.StepsPerTurn, 0)
	return c
}
