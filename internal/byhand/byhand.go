// Package byhand is the door through which package reactortest drives a reactor,
// so that package reactor need not export it.
package byhand

import (
	"log/slog"
	"time"
)

// Driver drives a reactor that has no loop of its own and lives on virtual time.
// All methods must be called by one goroutine.
type Driver interface {
	// Pump runs what waits, and what that submits, and returns how much it was.
	Pump() int
	// Next returns how far away the first delayed call is.
	Next() (d time.Duration, ok bool)
	// Move sets the clock forward by d, without running anything.
	Move(d time.Duration)
	// Stop shuts the reactor down and waits for it.
	Stop() error
}

// New makes a reactor, which is a *reactor.Reactor, and its driver. Package
// reactor sets it.
var New func(name string, log *slog.Logger) (reactor any, d Driver)
