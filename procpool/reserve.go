package procpool

import (
	"math"
	"runtime/debug"
	"sync"
)

// reserve has the heap of a worker keep the memory of large arguments from one job
// to the next. It is a block that is held and not touched, and so takes no memory.
// But it counts when the runtime decides when to collect and how much of what is
// free to give back to the system: with it a few arguments are collected at a time,
// and the next ones find their memory where it was. Without it a worker whose heap
// is small collects in each job, gives the memory back and has it fetched, cleared
// and mapped again page by page, which costs several times what the copy does.
type reserve struct {
	// Immutable after the handshake.
	limit int    // bytes; 0: there is to be none
	over  func() // called when no large argument has come for a while; may be nil

	mu     sync.Mutex // guards what follows; held for a look or an allocation
	block  []byte
	unused unused
}

const (
	highestReserve = 64 << 20
	reserveFactor  = 4 // how many arguments are collected at a time
)

// reserve is how much the workers of a pool may hold in reserve: nothing if their
// memory is bounded.
func (c Config) reserve() int {
	if c.MaxRSS > 0 || c.Limits.AddressSpace > 0 || c.Limits.Cgroup != "" {
		return 0
	}
	return highestReserve
}

// hold notes that an argument of size bytes has come.
func (r *reserve) hold(size int) {
	want := min(reserveFactor*size, r.limit)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unused.useLocked(r.lookIfUsed)
	if len(r.block) >= want || debug.SetMemoryLimit(-1) != math.MaxInt64 { // somebody has said what there is
		return
	}
	r.block = make([]byte, want)
}

// lookIfUsed gives the block up when no large argument came since the last time.
func (r *reserve) lookIfUsed() {
	r.mu.Lock()
	over := r.unused.overLocked()
	if over {
		r.block = nil
	}
	r.mu.Unlock()
	if over && r.over != nil {
		r.over()
	}
}
