package reactor_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/trestle-go/trestle/reactor"
)

// TestReactor_R16_AStormLeavesNothingInALoopThatNeverSleeps either.
func TestReactor_R16_AStormLeavesNothingInALoopThatNeverSleeps(t *testing.T) {
	r := startReactor(t, reactor.Config{StallThreshold: -1})
	stop := false
	var again func()
	again = func() {
		if !stop {
			_ = r.Call(again)
		}
	}
	before := heapInUse()
	count := 0
	hold := make(chan struct{})
	_ = r.Call(func() { <-hold }) // so that all of the storm waits at once
	const n = 1_000_000
	for range n {
		_ = r.Call(func() { count++ })
	}
	_ = r.Call(again)
	close(hold)
	on(t, r, func() {})
	shrinks(t, before)
	on(t, r, func() {
		stop = true
		if count != n {
			t.Errorf("%d of %d ran", count, n)
		}
	})
}

// shrinks waits until no more than 2 MiB more than before are in use.
func shrinks(t *testing.T, before int64) {
	t.Helper()
	var grown int64
	for end := time.Now().Add(soon); time.Now().Before(end); runtime.Gosched() {
		if grown = heapInUse() - before; grown <= 2<<20 {
			return
		}
	}
	t.Errorf("%d KiB more in use after the storm", grown>>10)
}
