package bench_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

// Round trips beside twice as many goroutines as processors, which compute without
// pause. Whoever yields then waits for the turn of each of the others.
func BenchmarkBusyRoundTrip(b *testing.B) {
	for _, c := range []struct {
		name  string
		trips func(b *testing.B) func(n int)
	}{{"Go", goTrips}, {"reactor", reactorTrips}, {"pool", poolTrips}} {
		b.Run("by="+c.name, func(b *testing.B) {
			trips := c.trips(b)
			keepBusy(b)
			trips(32) // until that has been noticed
			against(b, trips, goRoundTrip())
		})
	}
}

// keepBusy has goroutines compute until b ends.
func keepBusy(b *testing.B) {
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !stop.Load() {
			}
		})
	}
	b.Cleanup(func() {
		stop.Store(true)
		wg.Wait()
	})
}

func goTrips(b *testing.B) func(n int) {
	return func(n int) {
		for range n {
			must(b, eventual.Go(background, one))
		}
	}
}

func reactorTrips(b *testing.B) func(n int) {
	r := startReactor(b)
	return func(n int) {
		for range n {
			must(b, reactor.RunInReactor(background, r, one))
		}
	}
}

func poolTrips(b *testing.B) func(n int) {
	p := startPool(b, threadpool.Config{Max: runtime.GOMAXPROCS(0)})
	return func(n int) {
		for range n {
			must(b, threadpool.DeferToThread(background, p, one))
		}
	}
}
