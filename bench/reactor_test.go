package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/eventloop"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

var background = context.Background()

const patience = time.Minute // of every wait: longer than any of them takes

func one(context.Context) (int, error) { return 1, nil }

func must[T any](b *testing.B, r *eventual.Result[T]) T {
	v, err := r.Wait(patience)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// startReactor returns a running reactor as a user has it, which ends with b.
func startReactor(b *testing.B) *reactor.Reactor {
	r := reactor.New(reactor.Config{})
	r.Start()
	b.Cleanup(func() {
		if err := r.Stop(background); err != nil {
			b.Error(err)
		}
	})
	return r
}

// A call to the loop's goroutine, and its value back, one after the other.
func BenchmarkReactorRoundTrip(b *testing.B) {
	against(b, reactorTrips(b), channelPingPong(b), actorRoundTrip(b), gojaRoundTrip(b), swappedResults(b, 1))
}

// Many calls before the first value is asked for.
func BenchmarkReactorPipelined(b *testing.B) {
	r := startReactor(b)
	var kept [depth]*eventual.Result[int]
	against(b, func(n int) {
		inBatches(n, func(m int) {
			for i := range m {
				kept[i] = reactor.RunInReactor(background, r, one)
			}
			for i := range m {
				must(b, kept[i])
			}
		})
	}, actorPipelined(b), gojaPipelined(b), swappedResults(b, depth))
}

// depth is how many results the pipelined benchmarks keep.
const depth = 1000

func inBatches(n int, f func(m int)) {
	for ; n > 0; n -= depth {
		f(min(n, depth))
	}
}

// A closure handed over and run, with nobody waiting for it.
func BenchmarkReactorPost(b *testing.B) {
	r := startReactor(b)
	for _, producers := range []int{1, 8} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			against(b, post(b, producers, r.Call),
				contender{name: "channel", run: post(b, producers, channelLoop(b))},
				contender{name: "swapped-slice", run: post(b, producers, startSwapped(b).call)},
				contender{name: "goja", run: post(b, producers, gojaLoop(b))})
		})
	}
}

// post has so many goroutines hand n closures in all to a loop, and waits until
// they have run.
func post(b *testing.B, producers int, submit func(func()) error) func(n int) {
	return func(n int) {
		var sent, ran sync.WaitGroup
		ran.Add(producers)
		count := 0 // of the loop's goroutine
		f := func() { count++ }
		for p := range producers {
			share := n*(p+1)/producers - n*p/producers
			sent.Go(func() {
				for range share {
					if submit(f) != nil {
						b.Error("refused")
						return
					}
				}
				_ = submit(ran.Done)
			})
		}
		sent.Wait()
		ran.Wait()
		if count != n {
			b.Fatalf("%d of %d ran", count, n)
		}
	}
}

func BenchmarkWaitFinished(b *testing.B) {
	r := eventual.Of(1)
	c := make(chan int)
	close(c)
	against(b, func(n int) {
		for range n {
			must(b, r)
		}
	}, contender{name: "closed-channel", run: func(n int) {
		for range n {
			<-c
		}
	}})
}

func channelPingPong(b *testing.B) contender {
	ping, pong := make(chan int), make(chan int)
	go func() { // ends with b
		for v := range ping {
			pong <- v
		}
	}()
	b.Cleanup(func() { close(ping) })
	return contender{name: "channel-ping-pong", run: func(n int) {
		for range n {
			ping <- 1
			<-pong
		}
	}}
}

// channelLoop is the loop that one writes by hand: a goroutine and a channel.
func channelLoop(b *testing.B) (submit func(func()) error) {
	calls := make(chan func(), 1024)
	go func() { // ends with b
		for f := range calls {
			f()
		}
	}()
	b.Cleanup(func() { close(calls) })
	return func(f func()) error { calls <- f; return nil }
}

// actorRoundTrip is what one writes by hand for a call that must not hang: a reply
// channel and a timer.
func actorRoundTrip(b *testing.B) contender {
	submit := channelLoop(b)
	return contender{name: "actor-with-timer", run: func(n int) {
		for range n {
			reply := make(chan int, 1)
			_ = submit(func() { reply <- 1 })
			t := time.NewTimer(patience)
			select {
			case <-reply:
				t.Stop()
			case <-t.C:
				b.Fatal("late")
			}
		}
	}}
}

func actorPipelined(b *testing.B) contender {
	return contender{name: "actor", run: pipelinedReplies(channelLoop(b))}
}

func pipelinedReplies(submit func(func()) error) func(n int) {
	var kept [depth]chan int
	return func(n int) {
		inBatches(n, func(m int) {
			for i := range m {
				reply := make(chan int, 1)
				kept[i] = reply
				_ = submit(func() { reply <- 1 })
			}
			for i := range m {
				<-kept[i]
			}
		})
	}
}

func gojaLoop(b *testing.B) (submit func(func()) error) {
	l := eventloop.NewEventLoop()
	l.Start()
	b.Cleanup(func() { l.Stop() })
	return func(f func()) error { l.RunOnLoop(func(*goja.Runtime) { f() }); return nil }
}

func gojaRoundTrip(b *testing.B) contender {
	submit := gojaLoop(b)
	reply := make(chan int, 1)
	answer := func() { reply <- 1 }
	return contender{name: "goja", run: func(n int) {
		for range n {
			_ = submit(answer)
			<-reply
		}
	}}
}

func gojaPipelined(b *testing.B) contender {
	return contender{name: "goja", run: pipelinedReplies(gojaLoop(b))}
}

// swapped is the fastest hand-over known for a loop, with nothing else to it: no
// stop, no panics, no statistics. It shows the floor.
type swapped struct {
	mu     sync.Mutex // guards what follows; nothing blocks under it
	tasks  []swappedTask
	parked bool
	wake   chan struct{}
}

type swappedTask interface{ run() }

type swappedCall func()

func (f swappedCall) run() { f() }

func startSwapped(b *testing.B) *swapped {
	s := &swapped{wake: make(chan struct{}, 1)}
	stop := false
	ended := make(chan struct{})
	go func() { // ends with b
		defer close(ended)
		var batch []swappedTask
		for !stop {
			s.mu.Lock()
			if s.parked = len(s.tasks) == 0; s.parked {
				s.mu.Unlock()
				<-s.wake
				continue
			}
			batch, s.tasks = s.tasks, batch[:0]
			s.mu.Unlock()
			for i, t := range batch {
				t.run()
				batch[i] = nil
			}
		}
	}()
	b.Cleanup(func() {
		_ = s.call(func() { stop = true })
		<-ended
	})
	return s
}

func (s *swapped) call(f func()) error {
	s.post(swappedCall(f))
	return nil
}

func (s *swapped) post(t swappedTask) {
	if !s.mu.TryLock() {
		runtime.Gosched() // cheaper than to sleep on it, where there are many
		s.mu.Lock()
	}
	s.tasks = append(s.tasks, t)
	wake := s.parked
	s.parked = false
	s.mu.Unlock()
	if wake {
		s.wake <- struct{}{}
	}
}

// swappedResult is a value that will be there, of the size that it has with
// everything that a result is for, and nothing of that: whoever wants it yields
// until it is there.
type swappedResult struct {
	fn    func(context.Context) (int, error)
	value int
	err   error
	done  atomic.Bool
	_     [9]*int
}

func (r *swappedResult) run() {
	r.value, r.err = r.fn(background)
	r.done.Store(true)
}

// swappedResults is the floor of a call with a result, so many at a time.
func swappedResults(b *testing.B, depth int) contender {
	s := startSwapped(b)
	kept := make([]*swappedResult, depth)
	return contender{name: "swapped-slice", run: func(n int) {
		for ; n > 0; n -= depth {
			some := kept[:min(n, depth)]
			for i := range some {
				some[i] = &swappedResult{fn: one}
				s.post(some[i])
			}
			for _, r := range some {
				for !r.done.Load() {
					runtime.Gosched()
				}
			}
		}
	}}
}
