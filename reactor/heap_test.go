package reactor

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestReactor_R16_AStormOfTimersLeavesLittle behind, however they end.
func TestReactor_R16_AStormOfTimersLeavesLittle(t *testing.T) {
	const n = 1 << 18
	for name, end := range map[string]func(*Reactor, []*DelayedCall){
		"cancelled": func(_ *Reactor, calls []*DelayedCall) {
			for _, c := range calls {
				c.Cancel()
			}
		},
		"due": func(r *Reactor, calls []*DelayedCall) {
			for range calls {
				if r.timers.takeDue(2 * time.Hour); len(r.timers.hand) == 0 {
					break
				}
				r.timers.next = len(r.timers.hand)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Config{})
			calls := make([]*DelayedCall, n)
			for i := range calls {
				calls[i] = r.CallLater(time.Hour, func() {})
			}
			end(r, calls)
			if room := cap(r.timers.heap); room > keepEntries {
				t.Errorf("a heap of %d has room for %d", len(r.timers.heap), room)
			}
			if room := cap(r.timers.line.all); room > keepEntries {
				t.Errorf("a line of %d has room for %d", r.timers.line.len(), room)
			}
		})
	}
}

// TestReactor_R07_OrderAfterASweep: of heaps of many shapes any part is dropped. What is
// left comes out in its order, and nothing that was taken out is referred to any more.
func TestReactor_R07_OrderAfterASweep(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	c := &DelayedCall{}
	empty := func(h timerHeap) bool {
		return !slices.ContainsFunc(h[len(h):cap(h)], func(e timerEntry) bool { return e != timerEntry{} })
	}
	for n := range 200 {
		var h timerHeap
		for seq := range uint64(n) {
			h.push(timerEntry{time.Duration(random.IntN(n)), seq, c})
		}
		part := uint64(random.IntN(n + 1))
		wanted := func(e timerEntry) bool { return e.seq*7919%uint64(n) < part }
		want := slices.Clone(h)
		want = slices.DeleteFunc(want, func(e timerEntry) bool { return !wanted(e) })
		slices.SortFunc(want, inOrder)
		h.keep(wanted)
		if !empty(h) {
			t.Fatalf("%d of %d: an entry that was dropped is referred to", len(want), n)
		}
		for i, e := range want {
			if len(h) == 0 {
				t.Fatalf("%d of %d entries are left of %d", i, len(want), n)
			}
			if got := h.pop(); got != e {
				t.Fatalf("%d of %d: %v instead of %v", len(want), n, got, e)
			}
			if !empty(h) {
				t.Fatalf("%d of %d: what was popped is referred to", len(want), n)
			}
		}
		if len(h) != 0 {
			t.Fatalf("%d more than %d of %d", len(h), len(want), n)
		}
	}
}

func inOrder(a, b timerEntry) int {
	if a.before(b) {
		return -1
	}
	return 1
}
