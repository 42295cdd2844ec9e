package reactor

import (
	"errors"
	"sync"
)

var shared struct {
	mu   sync.Mutex // guards what follows; starting a reactor under it blocks on nothing
	r    *Reactor
	used bool
}

// Default returns the process-wide reactor, started on first use: crochet's
// setup. It lives as long as the process.
//
// A reactor belongs to the testing/synctest bubble in which it was started. Default
// is therefore not to be used for the first time inside one: nothing outside could
// use it, and the bubble would never end. A test in a bubble makes a reactor there,
// with [New], and stops it.
func Default() *Reactor {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.r == nil {
		shared.r = New(Config{Name: "default"})
	}
	shared.used = true
	shared.r.Start()
	return shared.r
}

// SetDefault makes r the process-wide reactor, for programs that run their own:
// crochet's no_setup. It is an error once Default was used, because work may have
// been handed to another then. Default starts r if r is not running.
func SetDefault(r *Reactor) error {
	if r == nil {
		return errors.New("reactor: SetDefault: nil reactor")
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.used && shared.r != r {
		return errors.New("reactor: SetDefault: the default reactor is in use already")
	}
	shared.r = r
	return nil
}
