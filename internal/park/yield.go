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
// others have it, whereas a goroutine that was parked is woken to run next. So some
// yields are timed, and two things end all others.
//
// In a throng yields take somewhat long on average: then nobody yields but a few, which
// find out when it is over.
//
// Where all processors are busy with something else, a single yield may take ten
// milliseconds and more, the whole turn of each of the others. So one that takes so long
// is enough to hold up all further ones; if the next takes so long again, for longer,
// until they weigh little.
const (
	timedEvery   = 8                    // chances of who waits to yield, of which one is timed
	countedEvery = 64                   // chances, of which one counts for the average, and yields in a throng
	throngedFrom = 5 * time.Microsecond // what a yield takes, on average, that is not worth it
	longest      = 3 * throngedFrom     // what counts of one yield: a collection is no throng
	weight       = 8                    // of all yields before, for each new one

	tooLong     = time.Millisecond // what a yield takes that holds up all others
	firstHoldUp = 4                // for how many times as long; for twice as many the next time
	lastHoldUp  = 64               // but no more
	maxHoldUp   = 5 * time.Second  // and for no longer
	wariness    = 10_000           // yields that are all timed after that; short ones may have been lucky
)

// turn is what a yield takes lately. It is that of the process: who shares a processor
// with whom changes faster than could be learnt of each.
var turn struct {
	_       [128]byte // neighbours are written by other goroutines
	average atomic.Int64
	hold    atomic.Int64 // the time before which nobody yields, since epoch; 0: none
	holdUp  atomic.Int64 // for how many times as long it was the last time; 0 if all that is forgotten
	wary    atomic.Int64 // how many yields are timed before it is
	_       [128]byte
}

var epoch = time.Now()

// Chance is what somebody who is about to park may do first.
type Chance struct {
	yield  bool
	timed  bool // the next
	counts bool // for the average
	probes bool // finds out whether all are still to be held up
}

// Draw returns the chance of a loop or worker, whose n is how many it has had.
func Draw(n uint32) Chance { return draw(n, countedEvery) }

// DrawAny returns the chance of whoever waits.
func DrawAny() Chance { return draw(rand.Uint32(), timedEvery) }

func draw(n, timedEvery uint32) Chance {
	if hold := turn.hold.Load(); hold != 0 {
		probes := mayProbe(hold)
		return Chance{yield: probes, timed: probes, probes: probes}
	}
	counts := n%countedEvery == 0
	if turn.average.Load() >= int64(throngedFrom) {
		return Chance{yield: counts, timed: counts, counts: counts}
	}
	return Chance{yield: true, timed: n%timedEvery == 0 || turn.wary.Load() > 0, counts: counts}
}

// mayProbe lets one yield find out whether others may again.
func mayProbe(hold int64) bool {
	now := int64(time.Since(epoch))
	return now >= hold && turn.hold.CompareAndSwap(hold, now+int64(maxHoldUp)) // until it knows
}

// Yield lets others have the processor. It reports false, without having done so, if
// that would take longer than to park.
func (c *Chance) Yield() bool {
	switch {
	case !c.yield:
		return false
	case c.timed:
		begun := time.Since(epoch)
		runtime.Gosched()
		now := time.Since(epoch)
		c.note(now, now-begun)
	default:
		runtime.Gosched()
	}
	return true
}

// note takes a yield into account that was over now. Of two at once one may be lost.
func (c *Chance) note(now, took time.Duration) {
	c.timed = false
	if c.counts {
		before := turn.average.Load()
		turn.average.Store(before + (int64(min(took, longest))-before)/weight)
	}
	if took >= tooLong {
		c.yield = false // so would the next be
		if !c.probes && turn.hold.Load() != 0 {
			return // the same stall, which another has told of
		}
		times := min(max(2*turn.holdUp.Load(), firstHoldUp), lastHoldUp)
		turn.holdUp.Store(times)
		turn.wary.Store(wariness)
		turn.hold.Store(int64(now + min(time.Duration(times)*took, maxHoldUp)))
		return
	}
	if turn.hold.Load() != 0 {
		turn.hold.Store(0)
	}
	if turn.wary.Load() > 0 && turn.wary.Add(-1) == 0 {
		turn.holdUp.Store(0)
	}
}
