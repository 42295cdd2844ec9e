package park

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"
)

// Whoever is about to park may first yield the processor: what it waits for is often
// there afterwards, for less than being parked and woken costs. That is so while there
// is little else to run. With more, a turn of the scheduler lasts as long as all the
// others have it, whereas a goroutine that was parked is woken to run next. So a few
// yields are timed, and while these take long nobody yields but those few, which find
// out when it is over.
const (
	timedEvery  = 64                   // chances to yield, of which one is timed
	crowdedFrom = 5 * time.Microsecond // what a yield takes, on average, that is not worth it
	longest     = 3 * crowdedFrom      // what counts of one yield: a collection is no crowd
	weight      = 8                    // of all yields before, for each new one
)

// turn is what a yield takes lately. It is that of the process: who shares a processor
// with whom changes faster than could be learnt of each.
var turn struct {
	_       [128]byte // neighbours are written by other goroutines
	average atomic.Int64
	_       [128]byte
}

var epoch = time.Now()

// Chance is what somebody who is about to park may do first.
type Chance struct{ yield, timed bool }

// Draw returns the chance of somebody whose n differs from time to time, as a count or
// a random number does.
func Draw(n uint32) Chance {
	timed := n%timedEvery == 0
	return Chance{timed || turn.average.Load() < int64(crowdedFrom), timed}
}

// DrawAny is Draw for those who do not count. It costs a load: they leave it to those
// who do to find out that there is a crowd, and only in one are timed themselves.
func DrawAny() Chance {
	if turn.average.Load() < int64(crowdedFrom) {
		return Chance{yield: true}
	}
	return Draw(rand.Uint32())
}

// Yield lets others have the processor. It reports false, without having done so, if
// that would take longer than to park.
func (c *Chance) Yield() bool {
	switch {
	case !c.yield:
		return false
	case c.timed:
		c.timed = false
		begun := time.Since(epoch)
		runtime.Gosched()
		noteTurn(time.Since(epoch) - begun)
	default:
		runtime.Gosched()
	}
	return true
}

// noteTurn takes a yield into account. Of two at once one may be lost.
func noteTurn(took time.Duration) {
	before := turn.average.Load()
	turn.average.Store(before + (int64(min(took, longest))-before)/weight)
}
