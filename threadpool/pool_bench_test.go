package threadpool_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

func nothing(context.Context) {}

// The yardstick: workers that receive closures from a channel.
func BenchmarkTinyChannelWorkers(b *testing.B) {
	jobs := make(chan func(context.Context), 1024)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for f := range jobs {
				f(context.Background())
			}
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		jobs <- nothing
	}
	close(jobs)
	wg.Wait()
}

func BenchmarkTinyCallInThread(b *testing.B) {
	p := newPool(b, threadpool.Config{Max: runtime.GOMAXPROCS(0), QueueLimit: 1024, BlockWhenFull: true})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.CallInThread(ctx, nothing); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRoundTripGoFunc(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c := make(chan int, 1)
		go func() { c <- 1 }()
		<-c
	}
}

func BenchmarkRoundTripDeferToThread(b *testing.B) {
	p := newPool(b, threadpool.Config{Max: runtime.GOMAXPROCS(0)})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := threadpool.DeferToThread(ctx, p, one).Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPipelinedDeferToThread(b *testing.B) {
	p := newPool(b, threadpool.Config{Max: runtime.GOMAXPROCS(0)})
	ctx := context.Background()
	b.ReportAllocs()
	var results [1000]*eventual.Result[int]
	n := 0
	for b.Loop() {
		results[n] = threadpool.DeferToThread(ctx, p, one)
		if n++; n == len(results) {
			for _, r := range results {
				if _, err := r.Wait(time.Minute); err != nil {
					b.Fatal(err)
				}
			}
			n = 0
		}
	}
}

func BenchmarkRoundTripLockedThread(b *testing.B) {
	p := newPool(b, threadpool.Config{Max: 1, Min: 1, LockOSThread: true})
	ctx := context.Background()
	for b.Loop() {
		if _, err := threadpool.DeferToThread(ctx, p, one).Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

// The yardstick: a goroutine locked to its thread, and channels.
func BenchmarkRoundTripLockedByHand(b *testing.B) {
	ask, answer := make(chan int), make(chan int)
	go func() {
		runtime.LockOSThread()
		for v := range ask {
			answer <- v
		}
		close(answer)
	}()
	for b.Loop() {
		ask <- 1
		<-answer
	}
	close(ask)
	<-answer
}

// Locked threads that have a backlog: the hop is paid once for many jobs.
func BenchmarkPipelinedLockedThread(b *testing.B) {
	p := newPool(b, threadpool.Config{Max: 1, Min: 1, LockOSThread: true, QueueLimit: 1 << 12, BlockWhenFull: true})
	for b.Loop() {
		if err := p.CallInThread(context.Background(), nothing); err != nil {
			b.Fatal(err)
		}
	}
}
