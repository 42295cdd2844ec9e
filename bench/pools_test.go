package bench_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/gammazero/workerpool"
	"github.com/panjf2000/ants/v2"
	conc "github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/trestle-go/trestle/threadpool"
)

// Tasks handed to a pool by one goroutine, with nobody waiting for a value. The
// time is until all have run, the pool's own beginning and end included.
func BenchmarkPool(b *testing.B) {
	workers := runtime.GOMAXPROCS(0)
	for _, t := range []struct {
		name string
		task func()
		size int
	}{
		{"empty", nothing, workers},
		{"1us", func() { spin(time.Microsecond) }, workers},
		{"10us", func() { spin(10 * time.Microsecond) }, workers},
		{"1ms-sleep", func() { time.Sleep(time.Millisecond) }, 1000},
	} {
		b.Run("task="+t.name, func(b *testing.B) {
			yardsticks := []contender{
				{name: "channel-workers", run: channelWorkers(t.size, t.task)},
				{name: "errgroup", run: errgroupTasks(t.size, t.task)},
				{name: "semaphore", run: semaphoreTasks(b, t.size, t.task)},
				{name: "conc", run: concTasks(t.size, t.task)},
				{name: "ants", run: antsTasks(b, t.size, t.task)},
				{name: "pond", run: pondTasks(t.size, t.task)},
				{name: "workerpool", run: workerpoolTasks(t.size, t.task)},
			}
			if t.size == workers {
				yardsticks = append(yardsticks, contender{name: "bare-loops", run: bareLoops(t.size, t.task)})
			}
			against(b, poolTasks(b, threadpool.Config{Max: t.size}, t.task), yardsticks...)
		})
	}
}

// The same with room for 1,024 tasks to wait, as the channel has.
func BenchmarkPoolBounded(b *testing.B) {
	workers := runtime.GOMAXPROCS(0)
	cfg := threadpool.Config{Max: workers, QueueLimit: 1024, BlockWhenFull: true}
	against(b, poolTasks(b, cfg, nothing), contender{name: "channel-workers", run: channelWorkers(workers, nothing)})
}

// spinsPerMicrosecond is how much work a microsecond is on this machine.
var spinsPerMicrosecond = sync.OnceValue(func() int {
	const n = 1_000_000
	best := time.Hour
	for range 5 {
		begun := time.Now()
		work(n)
		best = min(best, time.Since(begun))
	}
	return max(int(n*time.Microsecond/max(best, 1)), 1)
})

// spin does an amount of work that takes d on a processor of one's own.
func spin(d time.Duration) { work(spinsPerMicrosecond() * int(d/time.Microsecond)) }

//go:noinline
func work(n int) (x uint64) {
	x = 88172645463325252
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

func poolTasks(b *testing.B, cfg threadpool.Config, task func()) func(n int) {
	f := func(context.Context) { task() }
	return func(n int) {
		p, err := threadpool.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		for range n {
			if err := p.CallInThread(background, f); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Stop(background); err != nil {
			b.Fatal(err)
		}
	}
}

// bareLoops has nothing between the tasks: what the processors can do.
func bareLoops(size int, task func()) func(n int) {
	return func(n int) {
		var wg sync.WaitGroup
		for w := range size {
			wg.Go(func() {
				for range n*(w+1)/size - n*w/size {
					task()
				}
			})
		}
		wg.Wait()
	}
}

func channelWorkers(size int, task func()) func(n int) {
	return func(n int) {
		tasks := make(chan func(), 1024)
		var wg sync.WaitGroup
		for range size {
			wg.Go(func() {
				for f := range tasks {
					f()
				}
			})
		}
		for range n {
			tasks <- task
		}
		close(tasks)
		wg.Wait()
	}
}

func errgroupTasks(size int, task func()) func(n int) {
	return func(n int) {
		var g errgroup.Group
		g.SetLimit(size)
		for range n {
			g.Go(func() error { task(); return nil })
		}
		_ = g.Wait()
	}
}

func semaphoreTasks(b *testing.B, size int, task func()) func(n int) {
	return func(n int) {
		s := semaphore.NewWeighted(int64(size))
		for range n {
			if err := s.Acquire(background, 1); err != nil {
				b.Fatal(err)
			}
			go func() { // ends with its task
				task()
				s.Release(1)
			}()
		}
		if err := s.Acquire(background, int64(size)); err != nil {
			b.Fatal(err)
		}
	}
}

func concTasks(size int, task func()) func(n int) {
	return func(n int) {
		p := conc.New().WithMaxGoroutines(size)
		for range n {
			p.Go(task)
		}
		p.Wait()
	}
}

func antsTasks(b *testing.B, size int, task func()) func(n int) {
	return func(n int) {
		p, err := ants.NewPool(size)
		if err != nil {
			b.Fatal(err)
		}
		var wg sync.WaitGroup
		for range n {
			wg.Add(1)
			if err := p.Submit(func() { task(); wg.Done() }); err != nil {
				b.Fatal(err)
			}
		}
		wg.Wait()
		p.Release()
	}
}

func pondTasks(size int, task func()) func(n int) {
	return func(n int) {
		p := pond.NewPool(size)
		for range n {
			_ = p.Go(task)
		}
		p.StopAndWait()
	}
}

func workerpoolTasks(size int, task func()) func(n int) {
	return func(n int) {
		p := workerpool.New(size)
		for range n {
			p.Submit(task)
		}
		p.StopWait()
	}
}
