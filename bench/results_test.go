package bench_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/gammazero/workerpool"
	"github.com/panjf2000/ants/v2"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

func startPool(b *testing.B, cfg threadpool.Config) *threadpool.Pool {
	p, err := threadpool.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Stop(background); err != nil {
			b.Error(err)
		}
	})
	return p
}

// A value from a goroutine of its own, waited for.
func BenchmarkGoRoundTrip(b *testing.B) {
	against(b, goTrips(b), goRoundTrip(), contender{name: "go-chan-timer", run: func(n int) {
		for range n {
			c := make(chan int, 1)
			go func() { c <- 1 }()
			t := time.NewTimer(patience)
			select {
			case <-c:
				t.Stop()
			case <-t.C:
				b.Fatal("late")
			}
		}
	}}, contender{name: "go-chan-context", run: func(n int) {
		for range n {
			c := make(chan int, 1)
			go func() { c <- 1 }()
			ctx, cancel := context.WithTimeout(background, patience)
			select {
			case <-c:
			case <-ctx.Done():
				b.Fatal("late")
			}
			cancel()
		}
	}})
}

// A value from a pool of as many workers as processors, waited for.
func BenchmarkPoolRoundTrip(b *testing.B) {
	against(b, poolTrips(b), goRoundTrip(), antsRoundTrip(b), pondRoundTrip(b), workerpoolRoundTrip(b))
}

// A thousand values from a pool, kept and then waited for.
func BenchmarkPoolPipelined(b *testing.B) {
	p := startPool(b, threadpool.Config{Max: runtime.GOMAXPROCS(0)})
	var kept [depth]*eventual.Result[int]
	against(b, func(n int) {
		inBatches(n, func(m int) {
			for i := range m {
				kept[i] = threadpool.DeferToThread(background, p, one)
			}
			for i := range m {
				must(b, kept[i])
			}
		})
	}, goPipelined(), pondPipelined(b))
}

// A value from a thread that belongs to one worker alone.
func BenchmarkLockedRoundTrip(b *testing.B) {
	p := startPool(b, threadpool.Config{Min: 1, Max: 1, LockOSThread: true})
	against(b, func(n int) {
		for range n {
			must(b, threadpool.DeferToThread(background, p, one))
		}
	}, lockedByHand(b))
}

func goRoundTrip() contender {
	return contender{name: "go-chan", run: func(n int) {
		for range n {
			c := make(chan int, 1)
			go func() { c <- 1 }()
			<-c
		}
	}}
}

func goPipelined() contender {
	var kept [depth]chan int
	return contender{name: "go-chan", run: func(n int) {
		inBatches(n, func(m int) {
			for i := range m {
				c := make(chan int, 1)
				kept[i] = c
				go func() { c <- 1 }()
			}
			for i := range m {
				<-kept[i]
			}
		})
	}}
}

func antsRoundTrip(b *testing.B) contender {
	p, err := ants.NewPool(runtime.GOMAXPROCS(0))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Release)
	return contender{name: "ants-chan", run: func(n int) {
		for range n {
			c := make(chan int, 1)
			if err := p.Submit(func() { c <- 1 }); err != nil {
				b.Fatal(err)
			}
			<-c
		}
	}}
}

func startPond(b *testing.B) pond.ResultPool[int] {
	p := pond.NewResultPool[int](runtime.GOMAXPROCS(0))
	b.Cleanup(p.StopAndWait)
	return p
}

func pondRoundTrip(b *testing.B) contender {
	p := startPond(b)
	return contender{name: "pond-result", run: func(n int) {
		for range n {
			if _, err := p.Submit(func() int { return 1 }).Wait(); err != nil {
				b.Fatal(err)
			}
		}
	}}
}

func pondPipelined(b *testing.B) contender {
	p := startPond(b)
	var kept [depth]pond.ResultTask[int]
	return contender{name: "pond-result", run: func(n int) {
		inBatches(n, func(m int) {
			for i := range m {
				kept[i] = p.Submit(func() int { return 1 })
			}
			for i := range m {
				if _, err := kept[i].Wait(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}}
}

func workerpoolRoundTrip(b *testing.B) contender {
	p := workerpool.New(runtime.GOMAXPROCS(0))
	b.Cleanup(p.StopWait)
	return contender{name: "workerpool", run: func(n int) {
		for range n {
			p.SubmitWait(nothing)
		}
	}}
}

// lockedByHand is a goroutine locked to its thread, and two channels.
func lockedByHand(b *testing.B) contender {
	ask, answer := make(chan int), make(chan int)
	go func() { // ends with b
		runtime.LockOSThread()
		for v := range ask {
			answer <- v
		}
	}()
	b.Cleanup(func() { close(ask) })
	return contender{name: "locked-channels", run: func(n int) {
		for range n {
			ask <- 1
			<-answer
		}
	}}
}
