package reactor

import (
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
