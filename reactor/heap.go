package reactor

import (
	"slices"
	"time"
)

// timerEntry is one place among the timers. It stands for its call only as long as the
// call carries the same seq.
type timerEntry struct {
	when time.Duration // on the reactor's clock
	seq  uint64
	call *DelayedCall
}

func (e timerEntry) live() bool { return e.call.seq.Load() == e.seq }

func (e timerEntry) before(o timerEntry) bool {
	return e.when < o.when || e.when == o.when && e.seq < o.seq
}

// arity of the heap: four children share cache lines and halve its depth.
const arity = 4

// keepEntries is how much room a heap keeps however few entries are left.
const keepEntries = 1 << 14

// timerHeap orders entries by deadline, then by scheduling.
type timerHeap []timerEntry

func (h *timerHeap) push(e timerEntry) {
	if len(*h) == cap(*h) {
		*h = slices.Grow(*h, max(len(*h), 16)) // append's own quarter would copy a storm five times
	}
	*h = append(*h, e)
	h.up(len(*h)-1, e)
}

func (h timerHeap) up(i int, e timerEntry) {
	for i > 0 {
		parent := (i - 1) / arity
		if !e.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

// pop takes out the first entry of a heap that has one.
func (h *timerHeap) pop() timerEntry {
	old := *h
	first, last := old[0], len(old)-1
	e := old[last]
	old[last] = timerEntry{}
	*h = old[:last]
	if last > 0 {
		h.down(0, e)
	}
	h.shrink()
	return first
}

// shrink lets go of the room that a storm has left.
func (h *timerHeap) shrink() {
	if cap(*h) > keepEntries && len(*h) < cap(*h)/8 {
		*h = append(make(timerHeap, 0, max(2*len(*h), keepEntries)), *h...)
	}
}

func (h timerHeap) down(i int, e timerEntry) {
	for {
		child := i*arity + 1
		if child >= len(h) {
			break
		}
		best := child
		for c := child + 1; c < min(child+arity, len(h)); c++ {
			if h[c].before(h[best]) {
				best = c
			}
		}
		if !h[best].before(e) {
			break
		}
		h[i] = h[best]
		i = best
	}
	h[i] = e
}

// keep drops the entries that want does not hold for.
func (h *timerHeap) keep(want func(timerEntry) bool) {
	old, kept := *h, (*h)[:0]
	for _, e := range old {
		if want(e) {
			kept = append(kept, e)
		}
	}
	clear(old[len(kept):])
	*h = kept
	for i, e := range slices.Backward(kept) { // leaves stay: they have no children
		kept.down(i, e)
	}
	h.shrink()
}
