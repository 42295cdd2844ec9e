package bench_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

// Scaling benchmarks are run at several values of GOMAXPROCS. They are there to
// show collapse under contention: as many goroutines as processors and as many
// again do the same to one component.

func BenchmarkScalingPost(b *testing.B) {
	r := startReactor(b)
	producers := 2 * runtime.GOMAXPROCS(0)
	against(b, post(b, producers, r.Call), contender{name: "channel", run: post(b, producers, channelLoop(b))})
}

func BenchmarkScalingRoundTrip(b *testing.B) {
	r := startReactor(b)
	submit := channelLoop(b)
	against(b, together(func() { must(b, reactor.RunInReactor(background, r, one)) }),
		contender{name: "actor", run: together(func() {
			reply := make(chan int, 1)
			_ = submit(func() { reply <- 1 })
			<-reply
		})})
}

func BenchmarkScalingPool(b *testing.B) {
	p := startPool(b, threadpool.Config{Max: runtime.GOMAXPROCS(0)})
	against(b, together(func() { must(b, threadpool.DeferToThread(background, p, one)) }),
		contender{name: "go-chan", run: together(func() {
			c := make(chan int, 1)
			go func() { c <- 1 }()
			<-c
		})})
}

// together has twice as many goroutines as processors do f, n times in all.
func together(f func()) func(n int) {
	return func(n int) {
		workers := 2 * runtime.GOMAXPROCS(0)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for range n*(w+1)/workers - n*w/workers {
					f()
				}
			})
		}
		wg.Wait()
	}
}

// A round trip through a reactor that has so many results pending elsewhere: what
// waits must cost nothing to those who do not.
func BenchmarkRoundTripAgainstPending(b *testing.B) {
	for _, pending := range sizes {
		b.Run(fmt.Sprintf("pending=%d", pending), func(b *testing.B) {
			r := startReactor(b)
			gate, open := eventual.New[int](nil)
			kept := make([]*eventual.Deferred[int], pending)
			for i := range kept {
				kept[i] = eventual.NewDeferred[int](nil)
				gate.OnDone(func() { _ = kept[i].Callback(1) })
			}
			b.Cleanup(func() { open(1, nil) })
			against(b, func(n int) {
				for range n {
					must(b, reactor.RunInReactor(background, r, one))
				}
			}, channelPingPong(b))
		})
	}
}
