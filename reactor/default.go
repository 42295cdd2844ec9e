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
