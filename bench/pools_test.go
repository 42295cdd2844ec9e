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

// Tasks handed to a pool by one goroutine, with nobody waiting for a value. Each
// tells a WaitGroup that it has run, which is the same for all. Pools that are made
// to be used for long are; groups, which are not, are made for each round.
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
			ours := threadpoolTasks(b, threadpool.Config{Max: t.size}, t.task)
			yardsticks := []contender{
				{name: "channel-workers", run: channelWorkers(b, t.size, t.task)},
				{name: "errgroup", run: errgroupTasks(t.size, t.task)},
				{name: "semaphore", run: semaphoreTasks(b, t.size, t.task)},
				{name: "conc", run: concTasks(t.size, t.task)},
				{name: "ants", run: antsTasks(b, t.size, t.task)},
				{name: "pond", run: pondTasks(b, t.size, t.task)},
				{name: "workerpool", run: workerpoolTasks(b, t.size, t.task)},
			}
			if t.size == workers {
				yardsticks = append(yardsticks, contender{name: "bare-loops", run: bareLoops(t.size, t.task)},
					contender{name: "telling-loops", run: tellingLoops(t.size, t.task)})
			}
			against(b, ours, yardsticks...)
		})
	}
}

// The same with room for 1,024 tasks to wait, as the channel has.
func BenchmarkPoolBounded(b *testing.B) {
	workers := runtime.GOMAXPROCS(0)
	cfg := threadpool.Config{Max: workers, QueueLimit: 1024, BlockWhenFull: true}
	against(b, threadpoolTasks(b, cfg, nothing), contender{name: "channel-workers", run: channelWorkers(b, workers, nothing)})
}

// submitAll returns what submits task n times and waits until it has run as often.
func submitAll(task func(), submit func(f func())) func(n int) {
	var left sync.WaitGroup
	f := func() { task(); left.Done() }
	return func(n int) {
		left.Add(n)
		for range n {
			submit(f)
		}
		left.Wait()
	}
}

func threadpoolTasks(b *testing.B, cfg threadpool.Config, task func()) func(n int) {
	p := startPool(b, cfg)
	var left sync.WaitGroup
	f := func(context.Context) { task(); left.Done() }
	return func(n int) {
		left.Add(n)
		for range n {
			if err := p.CallInThread(background, f); err != nil {
				b.Fatal(err)
			}
		}
		left.Wait()
	}
}

func channelWorkers(b *testing.B, size int, task func()) func(n int) {
	tasks := make(chan func(), 1024)
	for range size {
		go func() { // ends with b
			for f := range tasks {
				f()
			}
		}()
	}
	b.Cleanup(func() { close(tasks) })
	return submitAll(task, func(f func()) { tasks <- f })
}

func antsTasks(b *testing.B, size int, task func()) func(n int) {
	p, err := ants.NewPool(size)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Release)
	return submitAll(task, func(f func()) {
		if err := p.Submit(f); err != nil {
			b.Fatal(err)
		}
	})
}

func pondTasks(b *testing.B, size int, task func()) func(n int) {
	p := pond.NewPool(size)
	b.Cleanup(p.StopAndWait)
	return submitAll(task, func(f func()) { _ = p.Go(f) })
}

func workerpoolTasks(b *testing.B, size int, task func()) func(n int) {
	p := workerpool.New(size)
	b.Cleanup(p.StopWait)
	return submitAll(task, p.Submit)
}

func errgroupTasks(size int, task func()) func(n int) {
	return func(n int) {
		var g errgroup.Group
		g.SetLimit(size)
		submitAll(task, func(f func()) { g.Go(func() error { f(); return nil }) })(n)
		_ = g.Wait()
	}
}

func semaphoreTasks(b *testing.B, size int, task func()) func(n int) {
	s := semaphore.NewWeighted(int64(size))
	return submitAll(task, func(f func()) {
		if err := s.Acquire(background, 1); err != nil {
			b.Fatal(err)
		}
		go func() { // ends with its task
			f()
			s.Release(1)
		}()
	})
}

func concTasks(size int, task func()) func(n int) {
	return func(n int) {
		p := conc.New().WithMaxGoroutines(size)
		submitAll(task, p.Go)(n)
		p.Wait()
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

// tellingLoops has nothing between the tasks either, but each says that it has run, on
// a word that all write to, as the tasks of all others do.
func tellingLoops(size int, task func()) func(n int) {
	return func(n int) {
		var left sync.WaitGroup
		left.Add(n)
		bareLoops(size, func() { task(); left.Done() })(n)
	}
}

// spinsPerMicrosecond is how much work a microsecond is on this machine.
var spinsPerMicrosecond = sync.OnceValue(func() int {
	const n = 1_000_000
	best := time.Hour
	for range 5 {
		begun := time.Now()
		runtime.KeepAlive(work(n))
		best = min(best, time.Since(begun))
	}
	return max(int(n*time.Microsecond/max(best, 1)), 1)
})

// spin does an amount of work that takes d on a processor of one's own.
func spin(d time.Duration) { runtime.KeepAlive(work(spinsPerMicrosecond() * int(d/time.Microsecond))) }

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
