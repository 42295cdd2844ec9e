package bench_test

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/reactor"
)

// Calls scheduled for now by another goroutine and run, while so many others are
// still far away.
func BenchmarkTimerFired(b *testing.B) {
	for _, pending := range sizes {
		b.Run(fmt.Sprintf("pending=%d", pending), func(b *testing.B) {
			r := startReactor(b)
			for i := range pending {
				r.CallLater(farAway(i), nothing)
			}
			h := startHeapLoop(b)
			for i := range pending {
				h.callLater(farAway(i), nothing)
			}
			against(b, fireAll(func(f func()) { r.CallLater(0, f) }), runtimeTimersFired(b, pending),
				contender{name: "container-heap", run: fireAll(func(f func()) { h.callLater(0, f) })})
		})
	}
}

// sizes are how many other things exist while one is measured.
var sizes = []int{1, 1_000, 1_000_000}

func nothing() {}

// farAway is later than any benchmark ends, and in no order.
func farAway(i int) time.Duration {
	return time.Hour + time.Duration(i*7919%1_000_003)*time.Millisecond
}

// fireAll schedules n calls that are due and waits until they have run.
func fireAll(callNow func(func())) func(n int) {
	return func(n int) {
		var ran sync.WaitGroup
		ran.Add(n)
		done := ran.Done
		for range n {
			callNow(done)
		}
		ran.Wait()
	}
}

// runtimeTimersFired are timers of the Go runtime: it starts a goroutine for each
// that fires.
func runtimeTimersFired(b *testing.B, pending int) contender {
	addRuntimeTimers(b, pending)
	return contender{name: "AfterFunc", run: fireAll(func(f func()) { time.AfterFunc(0, f) })}
}

func addRuntimeTimers(b *testing.B, pending int) {
	others := make([]*time.Timer, pending)
	for i := range others {
		others[i] = time.AfterFunc(farAway(i), nothing)
	}
	b.Cleanup(func() {
		for _, t := range others {
			t.Stop()
		}
	})
}

// Calls scheduled and taken back before their time.
func BenchmarkTimerCanceled(b *testing.B) {
	for _, pending := range sizes {
		b.Run(fmt.Sprintf("pending=%d", pending), func(b *testing.B) {
			r := startReactor(b)
			for i := range pending {
				r.CallLater(farAway(i), nothing)
			}
			addRuntimeTimers(b, pending)
			h := startHeapLoop(b)
			for i := range pending {
				h.callLater(farAway(i), nothing)
			}
			var calls [depth]*reactor.DelayedCall
			var timers [depth]*time.Timer
			var entries [depth]*heapEntry
			against(b,
				scheduleAndCancel(func(i int) { calls[i] = r.CallLater(farAway(i), nothing) }, func(i int) { calls[i].Cancel() }),
				contender{name: "AfterFunc", run: scheduleAndCancel(
					func(i int) { timers[i] = time.AfterFunc(farAway(i), nothing) }, func(i int) { timers[i].Stop() })},
				contender{name: "container-heap", run: scheduleAndCancel(
					func(i int) { entries[i] = h.callLater(farAway(i), nothing) }, func(i int) { h.cancel(entries[i]) })})
		})
	}
}

func scheduleAndCancel(schedule, cancel func(i int)) func(n int) {
	return func(n int) {
		inBatches(n, func(m int) {
			for i := range m {
				schedule(i)
			}
			for i := range m {
				cancel(i)
			}
		})
	}
}

// The cancel alone, of one of a million: scheduling is outside of what is timed.
func BenchmarkTimerCancelAlone(b *testing.B) {
	const pending = 1_000_000
	r := startReactor(b)
	for i := range pending {
		r.CallLater(farAway(i), nothing)
	}
	addRuntimeTimers(b, pending)
	b.Run("vs=AfterFunc", func(b *testing.B) {
		calls, timers := make([]*reactor.DelayedCall, b.N), make([]*time.Timer, b.N)
		for i := range b.N {
			calls[i] = r.CallLater(farAway(i), nothing)
			timers[i] = time.AfterFunc(farAway(i), nothing)
		}
		b.ResetTimer()
		compare(b, contender{run: func(n int) {
			for _, c := range calls[:n] {
				c.Cancel()
			}
			calls = calls[n:]
		}}, contender{run: func(n int) {
			for _, t := range timers[:n] {
				t.Stop()
			}
			timers = timers[n:]
		}})
	})
}

// heapLoop is what one writes by hand: container/heap behind a mutex, and a
// goroutine that sleeps until the first entry is due.
type heapLoop struct {
	mu      sync.Mutex // guards entries; nothing blocks under it
	entries entryHeap
	changed chan struct{} // one slot: the first entry is another
}

type heapEntry struct {
	when  time.Time
	index int
	call  func()
}

type entryHeap []*heapEntry

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].when.Before(h[j].when) }
func (h entryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *entryHeap) Push(x any) {
	e := x.(*heapEntry)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *entryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.index = -1
	return e
}

func startHeapLoop(b *testing.B) *heapLoop {
	h := &heapLoop{changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(background)
	ended := make(chan struct{})
	go func() { // ends with b
		defer close(ended)
		h.serve(ctx)
	}()
	b.Cleanup(func() { cancel(); <-ended })
	return h
}

func (h *heapLoop) serve(ctx context.Context) {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		call, wait := h.next()
		if call != nil {
			call()
			continue
		}
		t.Reset(wait)
		select {
		case <-h.changed:
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// next takes out what is due, or says how long to wait.
func (h *heapLoop) next() (call func(), wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.entries) == 0 {
		return nil, time.Hour
	}
	if wait := time.Until(h.entries[0].when); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&h.entries).(*heapEntry).call, 0
}

func (h *heapLoop) callLater(d time.Duration, f func()) *heapEntry {
	e := &heapEntry{when: time.Now().Add(d), call: f}
	h.mu.Lock()
	heap.Push(&h.entries, e)
	first := e.index == 0
	h.mu.Unlock()
	if first {
		select {
		case h.changed <- struct{}{}:
		default:
		}
	}
	return e
}

func (h *heapLoop) cancel(e *heapEntry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.index >= 0 {
		heap.Remove(&h.entries, e.index)
	}
}
