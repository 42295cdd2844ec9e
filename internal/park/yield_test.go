package park

import (
	"testing"
	"testing/synctest"
	"time"
)

// yields returns how many of so many chances are to yield, and are timed.
func yields(chances int) (n, timed int) {
	for i := range chances {
		c := draw(uint32(i), timedEvery)
		if c.yield {
			n++
		}
		if c.timed {
			timed++
		}
	}
	return n, timed
}

func setTurn(t *testing.T, average time.Duration) {
	before := turn.average.Load()
	restart := func(average int64) {
		turn.average.Store(average)
		turn.hold.Store(0)
		turn.holdUp.Store(0)
		turn.wary.Store(0)
	}
	t.Cleanup(func() { restart(before) })
	restart(int64(average))
}

func note(took time.Duration) (c Chance) {
	c = Chance{yield: true, timed: true, counts: true, probes: true}
	c.note(time.Since(epoch), took)
	return c
}

func TestYield_FewInAThrong(t *testing.T) {
	const chances = 10 * countedEvery
	setTurn(t, throngedFrom-1)
	if n, timed := yields(chances); n != chances || timed != chances/timedEvery {
		t.Errorf("%d of %d yield, %d timed", n, chances, timed)
	}
	setTurn(t, throngedFrom)
	if n, timed := yields(chances); n != chances/countedEvery || timed != n {
		t.Errorf("%d of %d yield in a throng, %d timed", n, chances, timed)
	}
	refused := 0
	for range chances {
		if c := DrawAny(); !c.Yield() {
			refused++
		}
		turn.average.Store(int64(throngedFrom)) // whatever those that were timed found
		turn.hold.Store(0)
	}
	if refused == 0 || refused == chances {
		t.Errorf("%d of %d refused by chance", refused, chances)
	}
}

// TestYield_Learns that there is a throng, not from one turn that takes somewhat long, and
// that it is over.
func TestYield_Learns(t *testing.T) {
	setTurn(t, 0)
	note(tooLong - 1)
	if n, _ := yields(timedEvery); n != timedEvery {
		t.Error("one long turn is a throng")
	}
	for range 4 * weight {
		note(longest)
	}
	if n, _ := yields(countedEvery); n != 1 {
		t.Error("long turns are no throng")
	}
	for range 4 * weight {
		note(throngedFrom / 4)
	}
	if n, _ := yields(timedEvery); n != timedEvery {
		t.Error("the throng goes on")
	}
}

// TestYield_HeldUp by a single yield that takes too long, until another, which is as rare
// as that demands, does not.
func TestYield_HeldUp(t *testing.T) {
	setTurn(t, 0)
	if c := note(time.Hour); c.Yield() {
		t.Error("another, after one that took too long")
	}
	if n, _ := yields(100 * countedEvery); n != 0 {
		t.Errorf("%d yield meanwhile", n)
	}
	turn.hold.Store(1) // the time is up
	n, timed := yields(100 * countedEvery)
	if n != 1 || timed != 1 {
		t.Errorf("%d are to find out, %d timed", n, timed)
	}
	before := time.Since(epoch)
	if note(tooLong); turn.hold.Load() < int64(before) {
		t.Error("not held up again")
	}
	for _, times := range []time.Duration{16, 32, 64, 64} {
		c := Chance{probes: true}
		c.note(time.Second, 3*tooLong)
		if hold := time.Duration(turn.hold.Load()); hold != time.Second+times*3*tooLong {
			t.Errorf("held up until %v, want %v times as long", hold, times)
		}
	}
	hold := turn.hold.Load()
	other := Chance{yield: true}
	if other.note(time.Minute, time.Hour); turn.hold.Load() != hold || other.yield {
		t.Error("one stall counts twice")
	}
	note(time.Hour)
	if left := time.Duration(turn.hold.Load()) - time.Since(epoch); left > maxHoldUp {
		t.Errorf("held up for another %v", left)
	}
	average := turn.average.Load()
	c := Chance{}
	if c.note(0, longest); turn.average.Load() != average {
		t.Error("one that is not of the average counts")
	}
	turn.average.Store(0)
	if n, timed := yields(timedEvery); n != timedEvery || timed != n {
		t.Errorf("%d yield after a short one, %d timed", n, timed)
	}
	for range wariness {
		note(0)
	}
	if n, timed := yields(timedEvery); n != timedEvery || timed != 1 {
		t.Errorf("%d yield after some short ones, %d timed", n, timed)
	}
	if c.note(0, tooLong); turn.hold.Load() != int64(firstHoldUp*tooLong) {
		t.Errorf("held up until %v the first time", time.Duration(turn.hold.Load()))
	}
}

func TestYield_OneOfAChanceIsTimed(t *testing.T) {
	setTurn(t, throngedFrom)
	synctest.Test(t, func(t *testing.T) { // where a turn takes no time
		c := Draw(0)
		for range 3 {
			if !c.Yield() {
				t.Fatal("refused what was granted")
			}
		}
		if got := turn.average.Load(); got >= int64(throngedFrom) || got < int64(throngedFrom)/2 || c.timed {
			t.Errorf("average %d, %+v", got, c)
		}
	})
}
