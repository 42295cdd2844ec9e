package procpool

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/futex"
)

// word is a number in shared memory on which a thread of one process can sleep until
// the other process changes it.
type word struct{ *atomic.Uint32 }

// sleep returns when somebody was woken, at the latest after d, at once if the word is
// not is, and sometimes for no reason.
func (w word) sleep(is uint32, d time.Duration) {
	futex.Sleep(w.Uint32, is, d, futex.Shared)
}

// wake wakes all who sleep: one may have come too late, for what is over, and would be
// woken in place of another.
func (w word) wake() { futex.Wake(w.Uint32, math.MaxInt32, futex.Shared) }
