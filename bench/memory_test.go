package bench_test

import (
	"context"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

// What things weigh while they exist, heap and stacks, and what is left of each when
// they are gone.
func BenchmarkMemory(b *testing.B) {
	b.Run("thing=pending-result", func(b *testing.B) {
		weigh(b, 100_000, func(n int) (drain func()) {
			r := reactor.New(reactor.Config{})
			kept := make([]*eventual.Result[int], n)
			for i := range kept {
				kept[i] = reactor.RunInReactor(background, r, one)
			}
			return func() {
				r.Start()
				must(b, eventual.All(kept...))
				stop(b, r)
			}
		})
	})
	b.Run("thing=channel-and-closure", func(b *testing.B) {
		weigh(b, 100_000, func(n int) (drain func()) {
			calls := make([]func(), n)
			replies := make([]chan int, n)
			for i := range calls {
				reply := make(chan int, 1)
				replies[i], calls[i] = reply, func() { reply <- 1 }
			}
			return func() { runtime.KeepAlive(calls); runtime.KeepAlive(replies) }
		})
	})
	b.Run("thing=timer", func(b *testing.B) {
		weigh(b, 100_000, func(n int) (drain func()) {
			r := reactor.New(reactor.Config{})
			r.Start()
			calls := make([]*reactor.DelayedCall, n)
			for i := range calls {
				calls[i] = r.CallLater(farAway(i), nothing)
			}
			return func() {
				for _, c := range calls {
					c.Cancel()
				}
				stop(b, r)
			}
		})
	})
	b.Run("thing=runtime-timer", func(b *testing.B) {
		weigh(b, 100_000, func(n int) (drain func()) {
			timers := make([]*time.Timer, n)
			for i := range timers {
				timers[i] = time.AfterFunc(farAway(i), nothing)
			}
			return func() {
				for _, t := range timers {
					t.Stop()
				}
			}
		})
	})
	b.Run("thing=coroutine", func(b *testing.B) {
		weigh(b, 10_000, func(n int) (drain func()) {
			r := reactor.New(reactor.Config{})
			r.Start()
			gate, open := eventual.New[int](nil)
			all := make([]*eventual.Result[int], n)
			for i := range all {
				all[i] = reactor.Inline(background, r, func(co *reactor.Co) (int, error) { return reactor.Await(co, gate) })
			}
			must(b, reactor.RunInReactor(background, r, one)) // all wait
			return func() {
				open(1, nil)
				must(b, eventual.All(all...))
				stop(b, r)
			}
		})
	})
	b.Run("thing=iter.Pull", func(b *testing.B) {
		weigh(b, 10_000, func(n int) (drain func()) {
			stops := make([]func(), n)
			for i := range stops {
				var next func() (int, bool)
				next, stops[i] = iter.Pull(func(yield func(int) bool) { yield(1) })
				next()
			}
			return func() {
				for _, stop := range stops {
					stop()
				}
			}
		})
	})
	b.Run("thing=cooperative-task", func(b *testing.B) {
		weigh(b, 10_000, func(n int) (drain func()) {
			r := reactor.New(reactor.Config{})
			r.Start()
			c := coiterate.New(r, coiterate.Config{})
			gate, open := eventual.New[int](nil)
			all := make([]*eventual.Result[int], n)
			for i := range all {
				all[i] = coiterate.Run(background, c, func(y *coiterate.Yielder) (int, error) { return 1, y.Await(gate) })
			}
			for c.Stats().Ready > 0 {
				must(b, reactor.RunInReactor(background, r, one))
			}
			return func() {
				open(1, nil)
				must(b, eventual.All(all...))
				stop(b, r)
			}
		})
	})
	b.Run("thing=idle-worker", func(b *testing.B) {
		weigh(b, 1_000, func(n int) (drain func()) {
			p, err := threadpool.New(threadpool.Config{Min: n, Max: n})
			if err != nil {
				b.Fatal(err)
			}
			for p.Stats().Idle < n {
				runtime.Gosched()
			}
			return func() {
				if err := p.Stop(background); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("thing=idle-goroutine", func(b *testing.B) {
		weigh(b, 1_000, func(n int) (drain func()) {
			end := make(chan struct{})
			for range n {
				go func() { <-end }()
			}
			return func() { close(end) }
		})
	})
}

func stop(b *testing.B, r *reactor.Reactor) {
	if err := r.Stop(background); err != nil {
		b.Error(err)
	}
}

// weigh reports what each of n things that fill makes takes, and what is left of
// each after drain. What refers to them is counted too.
func weigh(b *testing.B, n int, fill func(n int) (drain func())) {
	var each, left float64
	for range b.N {
		before := inUse()
		drain := fill(n)
		full := inUse()
		drain()
		drain = nil
		each = float64(full-before) / float64(n)
		left = float64(inUse()-before) / float64(n)
	}
	b.ReportMetric(each, "B/each")
	b.ReportMetric(max(left, 0), "B-left/each")
	b.ReportMetric(0, "ns/op") // says nothing here
}

// inUse returns the bytes of heap and stacks that are in use after a collection.
func inUse() int64 {
	ctx, cancel := context.WithTimeout(background, time.Second) // lets goroutines that were told to end do so
	defer cancel()
	for goroutines := -1; goroutines != runtime.NumGoroutine() && ctx.Err() == nil; {
		goroutines = runtime.NumGoroutine()
		runtime.GC()
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
