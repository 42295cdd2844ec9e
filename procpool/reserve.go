package procpool

import (
	"math"
	"runtime/debug"
	"sync"
	"time"
)

// reserve has the heap of a worker keep the memory of large arguments from one job
// to the next. It is a block that is held and not touched, and so takes no memory.
// But it counts when the runtime decides when to collect and how much of what is
// free to give back to the system: with it a few arguments are collected at a time,
// and the next ones find their memory where it was. Without it a worker whose heap
// is small collects in each job, gives the memory back and has it fetched, cleared
// and mapped again page by page, which costs several times what the copy does.
type reserve struct {
	limit int // immutable: bytes; 0: there is to be none

	mu    sync.Mutex // guards what follows; held for a look or an allocation
	block []byte
	used  bool        // since the timer struck
	timer *time.Timer // gives the block up; nil until there is one
}

const (
	highestReserve = 64 << 20
	reserveFactor  = 4                // how many arguments are collected at a time
	reserveFor     = 10 * time.Second // how long it is held, at least, after the last large argument
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
	if r.limit == 0 {
		return
	}
	want := min(reserveFactor*size, r.limit)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used = true
	if len(r.block) >= want || debug.SetMemoryLimit(-1) != math.MaxInt64 { // somebody has said what there is
		return
	}
	r.block = make([]byte, want)
	if r.timer == nil {
		r.timer = time.AfterFunc(reserveFor, r.lookIfUsed)
	}
}

// lookIfUsed gives the block up when no large argument came since the last time.
func (r *reserve) lookIfUsed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used {
		r.used = false
		r.timer.Reset(reserveFor)
		return
	}
	r.block, r.timer = nil, nil
}
