package reactor

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestReactor_R07_OneOrderOfLineAndHeap: whatever is scheduled, moved and cancelled, in
// hand or not, comes out by deadline and, where deadlines are equal, by scheduling, as
// if there were one sorted list.
func TestReactor_R07_OneOrderOfLineAndHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type planned struct {
			call *DelayedCall
			when time.Duration
			id   int
		}
		r := New(Config{})
		tm := &r.timers
		var plan, hand []planned // in the order of scheduling; taken out by the model
		ids := 0
		at := func() time.Duration {
			return tm.now + rapid.SampledFrom([]time.Duration{0, 0, 1, 2, 3, soon, soon + 1, 2 * soon}).Draw(t, "in")
		}
		where := func(c *DelayedCall) func(planned) bool { return func(p planned) bool { return p.call == c } }
		pick := func() *DelayedCall {
			if n := len(plan) + len(hand); n > 0 {
				return slices.Concat(plan, hand)[rapid.IntRange(0, n-1).Draw(t, "which")].call
			}
			return nil
		}
		forget := func(c *DelayedCall) {
			plan, hand = slices.DeleteFunc(plan, where(c)), slices.DeleteFunc(hand, where(c))
		}
		t.Repeat(map[string]func(*rapid.T){
			"schedule": func(*rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "calls") {
					c, when := &DelayedCall{r: r, task: call(func() {})}, at()
					r.schedule(c, when)
					ids++
					plan = append(plan, planned{c, when, ids})
				}
			},
			"cancel": func(*rapid.T) {
				for range rapid.IntRange(1, 80).Draw(t, "calls") {
					if c := pick(); c != nil {
						if !c.Cancel() || c.Cancel() || c.Active() {
							t.Fatal("not cancelled once")
						}
						forget(c)
					}
				}
			},
			"move": func(*rapid.T) {
				if c := pick(); c != nil {
					when := at()
					if !c.move(func(time.Duration) time.Duration { return when }) || !c.Active() {
						t.Fatal("not moved")
					}
					forget(c)
					ids++
					plan = append(plan, planned{c, when, ids})
				}
			},
			"take": func(*rapid.T) {
				if tm.next < len(tm.hand) {
					return
				}
				now := tm.now + rapid.SampledFrom([]time.Duration{0, 1, 3, soon}).Draw(t, "later")
				tm.takeDue(now)
				slices.SortStableFunc(plan, func(a, b planned) int { return cmp.Or(cmp.Compare(a.when, b.when), cmp.Compare(a.id, b.id)) })
				n := 0
				for n < min(len(plan), timersPerTurn) && plan[n].when <= now {
					n++
				}
				hand, plan = plan[:n:n], slices.Clone(plan[n:])
			},
			"run": func(*rapid.T) {
				for range rapid.IntRange(1, 70).Draw(t, "calls") {
					if tm.next == len(tm.hand) {
						break
					}
					e := tm.hand[tm.next]
					tm.next++
					if e.call.claim(e.seq) == nil {
						continue
					}
					if len(hand) == 0 || hand[0].call != e.call || hand[0].when != e.when {
						t.Fatalf("%v is not its turn", e.when)
					}
					hand = hand[1:]
				}
				if tm.next == len(tm.hand) && len(hand) > 0 {
					t.Fatalf("%d were not run", len(hand))
				}
			},
			"": func(*rapid.T) {
				if n := len(plan) + len(hand); tm.pending() != n || len(r.DelayedCalls()) != n {
					t.Fatalf("%d pending, %d listed, want %d", tm.pending(), len(r.DelayedCalls()), n)
				}
			},
		})
	})
}

// TestReactor_R16_AStormBehindWhichTheLineIsNeverEmpty: it gives back what the storm
// took all the same, and refers to nothing that was taken out.
func TestReactor_R16_AStormBehindWhichTheLineIsNeverEmpty(t *testing.T) {
	const storm = 1 << 16
	var l timerLine
	seq, c := uint64(0), &DelayedCall{}
	push := func() {
		seq++
		if !l.push(timerEntry{call: c, seq: seq}) {
			t.Fatal("out of line")
		}
	}
	for range storm {
		push()
	}
	for next := uint64(1); l.len() > 3; next++ {
		if e := l.pop(); e.seq != next {
			t.Fatalf("%d instead of %d", e.seq, next)
		}
	}
	for range 2 * storm {
		push()
		l.pop()
	}
	if l.len() != 3 || cap(l.all) > keepEntries {
		t.Errorf("a line of %d has room for %d", l.len(), cap(l.all))
	}
	for i, e := range l.all[:cap(l.all)] {
		if inLine := i >= l.head && i < len(l.all); inLine != (e.call != nil) {
			t.Fatalf("place %d of %d to %d: %v", i, l.head, len(l.all), e)
		}
	}
}

// TestReactor_R16_AStormOfWhichNothingIsLeft in line gives back its room with the last
// entry.
func TestReactor_R16_AStormOfWhichNothingIsLeft(t *testing.T) {
	const storm = 1 << 16
	var l timerLine
	for seq := range uint64(storm) {
		l.push(timerEntry{seq: seq})
	}
	for range storm {
		l.pop()
	}
	if l.len() != 0 || cap(l.all) > keepEntries {
		t.Errorf("a line of %d has room for %d", l.len(), cap(l.all))
	}
}

// TestReactor_SweptLineRefersToNothing that was dropped.
func TestReactor_SweptLineRefersToNothing(t *testing.T) {
	var l timerLine
	for seq := range uint64(100) {
		l.push(timerEntry{seq: seq + 1})
	}
	for range 10 {
		l.pop()
	}
	l.keep(func(e timerEntry) bool { return e.seq%2 == 0 })
	if l.len() != 45 || l.entries()[0].seq != 12 {
		t.Fatalf("%d are left, the first is %d", l.len(), l.entries()[0].seq)
	}
	for i, e := range l.all[:cap(l.all)] {
		if (i < 45) != (e.seq != 0) {
			t.Fatalf("place %d: %v", i, e)
		}
	}
}
