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
			each := max(b.N/tasks, 2000) // b.N may be too few for what is measured
			gate, open := eventual.New[int](nil)
			all := make([]*eventual.Result[int], tasks)
			for i := range all {
				all[i] = coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (int, error) {
					if err := y.Await(gate); err != nil {
						return 0, err
					}
					for range each {
						if err := y.Yield(); err != nil {
							return 0, err
						}
					}
					return 0, nil
				})
			}
			b.ResetTimer()
			open(1, nil)
			if _, err := eventual.All(all...).Wait(time.Hour); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(each*tasks), "ns/yield")
		})
	}
}

// One step of each task in turn, a hundred tasks: ours, beside the yardsticks of a
// bare iter.Pull loop and of goroutines that give up the processor.
func BenchmarkAlternate(b *testing.B) {
	const tasks = 100
	b.Run("coiterate", func(b *testing.B) {
		c := coiterate.New(startReactor(b), coiterate.Config{StepsPerTurn: 1})
		each := b.N/tasks + 1
		all := make([]*eventual.Result[struct{}], tasks)
		for i := range all {
			all[i] = coiterate.Coiterate(context.Background(), c, upTo(each))
		}
		if _, err := eventual.All(all...).Wait(time.Hour); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("iterPull", func(b *testing.B) {
		var nexts [tasks]func() (int, bool)
		for i := range nexts {
			next, stop := iter.Pull(iter.Seq[int](forever))
			defer stop()
			nexts[i] = next
		}
		for i := 0; b.Loop(); i++ {
			nexts[i%tasks]()
		}
	})
	b.Run("Gosched", func(b *testing.B) {
		var wg sync.WaitGroup
		each := b.N/tasks + 1
		for range tasks {
			wg.Go(func() {
				for range each {
					runtime.Gosched()
				}
			})
		}
		wg.Wait()
	})
}

// The floor of a yield that does not switch: a plain range over a function.
func BenchmarkYieldPlain(b *testing.B) {
	n := 0
	for range upTo(b.N) {
		n++
	}
}

// BenchmarkLive is what a task that sleeps costs: time to make it, and memory.
func BenchmarkLive(b *testing.B) {
	c := coiterate.New(startReactor(b), coiterate.Config{})
	gate, open := eventual.New[int](nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all := make([]*eventual.Result[int], b.N)
	b.ResetTimer()
	for i := range all {
		all[i] = coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (int, error) { return 0, y.Await(gate) })
	}
	for c.Stats().Ready > 0 {
		runtime.Gosched()
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse)
	b.ReportMetric(float64(used)/float64(b.N), "B-live/task")
	open(1, nil)
	if _, err := eventual.All(all...).Wait(time.Hour); err != nil {
		b.Fatal(err)
	}
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
	for name, q := range map[string]float64{"p50-ns": 0.5, "p90-ns": 0.9, "p99-ns": 0.99, "p99.9-ns": 0.999, "max-ns": 1} {
		b.ReportMetric(float64(took[int(q*float64(len(took)-1))].Nanoseconds()), name)
	}
}
