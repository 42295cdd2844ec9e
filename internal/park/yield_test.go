package park

import (
	"testing"
	"time"
)

// yields returns how many of so many chances are to yield.
func yields(chances int) (n int) {
	for i := range chances {
		if c := Draw(uint32(i)); c.yield {
			n++
		}
	}
	return n
}

func setTurn(t *testing.T, d time.Duration) {
	before := turn.average.Load()
	t.Cleanup(func() { turn.average.Store(before) })
	turn.average.Store(int64(d))
}

func TestYield_OnlyTimedOnesInACrowd(t *testing.T) {
	const chances = 10 * timedEvery
	setTurn(t, crowdedFrom-1)
	if n := yields(chances); n != chances {
		t.Errorf("%d of %d yield", n, chances)
	}
	if c := DrawAny(); !c.yield || c.timed {
		t.Errorf("%+v", c)
	}
	setTurn(t, crowdedFrom)
	if n := yields(chances); n != chances/timedEvery {
		t.Errorf("%d of %d yield in a crowd", n, chances)
	}
	refused := 0
	for range chances {
		if c := DrawAny(); !c.Yield() {
			refused++
		}
		turn.average.Store(int64(crowdedFrom)) // whatever those that were timed found
	}
	if refused == 0 || refused == chances {
		t.Errorf("%d of %d refused by chance", refused, chances)
	}
}

// TestYield_Learns that there is a crowd, not from one long turn, and that it is over.
func TestYield_Learns(t *testing.T) {
	setTurn(t, 0)
	noteTurn(time.Hour)
	if yields(timedEvery) != timedEvery {
		t.Error("one long turn is a crowd")
	}
	for range 4 * weight {
		noteTurn(longest)
	}
	if yields(timedEvery) != 1 {
		t.Error("long turns are no crowd")
	}
	for range 4 * weight {
		noteTurn(crowdedFrom / 4)
	}
	if yields(timedEvery) != timedEvery {
		t.Error("the crowd goes on")
	}
}

func TestYield_OneOfAChanceIsTimed(t *testing.T) {
	setTurn(t, crowdedFrom)
	c := Draw(0)
	for range 3 {
		if !c.Yield() {
			t.Fatal("refused what was granted")
		}
	}
	if got := turn.average.Load(); got == int64(crowdedFrom) || c.timed {
		t.Errorf("average %d, %+v", got, c)
	}
}
