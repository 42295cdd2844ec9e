package coiterate

import "time"

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
	// Name appears in errors and Stats. Zero: "cooperator".
	Name string
	// Slice is how long a task goes on while the loop has nothing else to do. Zero:
	// 10 ms.
	Slice time.Duration
	// StepsPerTurn ends a task's turn after so many steps, whatever the time: with
	// 1, tasks strictly alternate. Zero: no such limit.
	StepsPerTurn int
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "cooperator"
	}
	if c.Slice <= 0 {
		c.Slice = 10 * time.Millisecond
	}
	if c.StepsPerTurn < 0 {
		c.StepsPerTurn = 0
	}
	return c
}
