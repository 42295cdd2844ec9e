package coiterate_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

func startReactor(b *testing.B) *reactor.Reactor {
	r := reactor.New(reactor.Config{StallThreshold: -1})
	r.Start()
	b.Cleanup(func() { _ = r.Stop(context.Background()) })
	return r
}

// One yield, with so many tasks sharing the loop.
func BenchmarkYield(b *testing.B) {
	for _, tasks := range []int{1, 1_000, 100_000} {
		b.Run(fmt.Sprint(tasks), func(b *testing.B) {
			c := coiterate.New(startReactor(b), coiterate.Config{})
			each := max(b.N/tasks, 1)
			all := make([]*eventual.Result[struct{}], tasks)
			b.ResetTimer()
			for i := range all {
				all[i] = coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
					for n := range each {
						if !yield(n) {
							return
						}
					}
				})
			}
			if _, err := eventual.All(all...).Wait(time.Hour); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(each*tasks), "ns/yield")
		})
	}
}

// The yardstick of strict alternation: one step of iter.Pull.
func BenchmarkIterPullStep(b *testing.B) {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for yield(1) {
		}
	})
	defer stop()
	for b.Loop() {
		next()
	}
}

// The yardstick of goroutines: each gives up the processor.
func BenchmarkGoroutinesGosched(b *testing.B) {
	var wg sync.WaitGroup
	each := b.N/4 + 1
	for range 4 {
		wg.Go(func() {
			for range each {
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
}

// BenchmarkCallLatency is how long a call from another goroutine waits for the
// loop while a hundred tasks never sleep.
func BenchmarkCallLatency(b *testing.B) {
	r := startReactor(b)
	c := coiterate.New(r, coiterate.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	for range 100 {
		coiterate.Coiterate(ctx, c, func(yield func(int) bool) {
			for yield(0) {
			}
		}).OnDone(func() {})
	}
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		if _, err := reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { return 0, nil }).Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	cancel()
	slices.Sort(took)
	for _, q := range []float64{0.5, 0.99} {
		b.ReportMetric(float64(took[int(q*float64(len(took)-1))].Nanoseconds()), fmt.Sprintf("p%.0f-ns", 100*q))
	}
}
