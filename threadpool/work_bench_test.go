package threadpool_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// spin keeps a processor busy for about d.
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// way is a way to have work done, so many at a time.
type way struct {
	name string
	// fire has f called n times and waits for all.
	fire func(b *testing.B, limit, n int, f func())
	// ask is fire for results, each of which is looked at.
	ask func(b *testing.B, limit, n int, f func())
}

const window = 1000 // results that are under way at a time

var ways = []way{
	{"pool", poolFire, poolAsk},
	{"channel", channelFire, channelAsk},
	{"go", goFire, goAsk},
}

func poolFire(b *testing.B, limit, n int, f func()) {
	p := newPool(b, threadpool.Config{Max: limit, QueueLimit: 1 << 14, BlockWhenFull: true})
	job := func(context.Context) { f() }
	b.ResetTimer()
	for range n {
		if err := p.CallInThread(context.Background(), job); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func poolAsk(b *testing.B, limit, n int, f func()) {
	p := newPool(b, threadpool.Config{Max: limit})
	job := func(context.Context) (int, error) { f(); return 1, nil }
	b.ResetTimer()
	var results [window]*eventual.Result[int]
	for i := range n {
		if r := results[i%window]; r != nil {
			_, _ = r.Wait(time.Minute)
		}
		results[i%window] = threadpool.DeferToThread(context.Background(), p, job)
	}
	for _, r := range results {
		if r != nil {
			_, _ = r.Wait(time.Minute)
		}
	}
}

// workers run what comes from a channel.
func workers(limit int) (jobs chan func(), wait func()) {
	jobs = make(chan func(), 1<<14)
	var wg sync.WaitGroup
	for range limit {
		wg.Go(func() {
			for f := range jobs {
				f()
			}
		})
	}
	return jobs, func() { close(jobs); wg.Wait() }
}

func channelFire(b *testing.B, limit, n int, f func()) {
	jobs, wait := workers(limit)
	b.ResetTimer()
	for range n {
		jobs <- f
	}
	wait()
}

func channelAsk(b *testing.B, limit, n int, f func()) {
	jobs, wait := workers(limit)
	b.ResetTimer()
	askByHand(n, func(c chan int) { jobs <- func() { f(); c <- 1 } })
	wait()
}

func goFire(b *testing.B, limit, n int, f func()) {
	free := make(chan struct{}, limit)
	var wg sync.WaitGroup
	b.ResetTimer()
	for range n {
		free <- struct{}{}
		wg.Go(func() { f(); <-free })
	}
	wg.Wait()
}

func goAsk(b *testing.B, limit, n int, f func()) {
	free := make(chan struct{}, limit)
	b.ResetTimer()
	askByHand(n, func(c chan int) {
		free <- struct{}{}
		go func() { f(); <-free; c <- 1 }()
	})
}

func askByHand(n int, start func(chan int)) {
	var results [window]chan int
	for i := range n {
		if c := results[i%window]; c != nil {
			<-c
		}
		c := make(chan int, 1)
		results[i%window] = c
		start(c)
	}
	for _, c := range results {
		if c != nil {
			<-c
		}
	}
}

// BenchmarkWork is jobs of several lengths, with and without results, few and many
// at a time: on a pool, on plain workers that receive from a channel, and on a
// goroutine each, bounded by a channel.
func BenchmarkWork(b *testing.B) {
	for _, size := range []struct {
		name string
		f    func()
	}{
		{"tiny", func() {}},
		{"1us", func() { spin(time.Microsecond) }},
		{"10us", func() { spin(10 * time.Microsecond) }},
		{"1ms-sleep", func() { time.Sleep(time.Millisecond) }},
	} {
		for _, limit := range []int{runtime.GOMAXPROCS(0), 1000} {
			for _, results := range []bool{false, true} {
				for _, w := range ways {
					b.Run(fmt.Sprintf("%s/max=%d/results=%v/%s", size.name, limit, results, w.name), func(b *testing.B) {
						b.ReportAllocs()
						run := w.fire
						if results {
							run = w.ask
						}
						run(b, limit, b.N, size.f)
					})
				}
			}
		}
	}
}
