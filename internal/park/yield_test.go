package park

import (
	"testing"
	"testing/synctest"
	"time"
)

// yields returns how many of so many chances are to yield, and are timed.
func yields(chances int) (n, timed int) {
	for i := range chances {
		c := Draw(uint32(i))
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
	before, hold := turn.average.Load(), turn.hold.Load()
	t.Cleanup(func() { turn.average.Store(before); turn.hold.Store(hold) })
	turn.average.Store(int64(average))
	turn.hold.Store(0)
}

func note(took time.Duration) (c Chance) {
	c = Chance{true, true}
	c.note(time.Since(epoch), took)
	return c
}

func TestYield_FewInAThrong(t *testing.T) {
	const chances = 10 * throngEvery
	setTurn(t, throngedFrom-1)
	if n, timed := yields(chances); n != chances || timed != chances/timedEvery || Crowded() {
		t.Errorf("%d of %d yield, %d timed", n, chances, timed)
	}
	setTurn(t, throngedFrom)
	if n, timed := yields(chances); n != chances/throngEvery || timed != n || !Crowded() {
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
	if n, _ := yields(throngEvery); n != 1 {
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
	if n, _ := yields(100 * throngEvery); n != 0 || !Crowded() {
		t.Errorf("%d yield meanwhile", n)
	}
	turn.hold.Store(1) // the time is up
	n, timed := yields(100 * throngEvery)
	if n != 1 || timed != 1 {
		t.Errorf("%d are to find out, %d timed", n, timed)
	}
	if note(tooLong); turn.hold.Load() < int64(time.Since(epoch)) {
		t.Error("not held up again")
	}
	for _, took := range []time.Duration{tooLong, 3 * tooLong, time.Hour} {
		c := Chance{true, true}
		c.note(time.Second, took)
		if hold := time.Duration(turn.hold.Load()); hold != time.Second+min(holdUp*took, maxHoldUp) {
			t.Errorf("held up until %v after %v", hold, took)
		}
	}
	turn.average.Store(0)
	note(time.Microsecond)
	if n, _ := yields(timedEvery); n != timedEvery || Crowded() {
		t.Error("held up for ever")
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
