package reactor

import (
	"log/slog"
	"time"
)

// Config says how a Reactor is to be. The zero value is a good one.
type Config struct {
	// Name appears in errors, logs, traces and Stats. Zero: "reactor".
	Name string
	// Logger gets what has nobody to return it to: panics, stalls, failed
	// shutdown triggers. Zero: slog.Default().
	Logger *slog.Logger
	// StallThreshold is how long one callback may hold the reactor before it is
	// reported with its stack, once per stall. Zero: 100 ms. Negative: never.
	StallThreshold time.Duration
	// StopTimeout bounds the shutdown triggers where no ctx with a deadline does: in
	// a Stop without one, and when the end of Run's ctx begins the shutdown. Zero:
	// 10 s.
	StopTimeout time.Duration
}

const (
	defaultStallThreshold = 100 * time.Millisecond
	defaultStopTimeout    = 10 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "reactor"
	}
	if c.StallThreshold == 0 {
		c.StallThreshold = defaultStallThreshold
	}
	if c.StopTimeout <= 0 {
		c.StopTimeout = defaultStopTimeout
	}
	return c
}

// log is looked up late, so that a program may set slog's default after it made
// its reactors.
func (r *Reactor) log() *slog.Logger {
	if r.cfg.Logger != nil {
		return r.cfg.Logger
	}
	return slog.Default()
}
