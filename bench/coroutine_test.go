package bench_test

import (
	"iter"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// Awaiting what is there already: the coroutine keeps its turn.
func BenchmarkAwaitFired(b *testing.B) {
	fired := eventual.Succeed(1)
	contest(b, inCoroutine(b, func(_ *reactor.Reactor, co *reactor.Co) (int, error) {
		return reactor.Await(co, fired)
	}), pullStep(b))
}

// Awaiting a Deferred that fires in the next turn. A step of iter.Pull is two
// switches between coroutines, and so is this at the least.
func BenchmarkAwaitUnfired(b *testing.B) {
	contest(b, awaitUnfired(b), pullStep(b), bareAwait(b))
}

// What Await adds to a step of BenchmarkAwaitUnfired: its time without that of a step
// without a coroutine, where what is told of the Deferred begins the next one.
func BenchmarkAwaitUnfiredItself(b *testing.B) {
	with, without := awaitUnfired(b), onDoneStep(b)
	contest(b, contender{timed: func(n int) time.Duration {
		return with.timed(n) - without(n)
	}}, pullStep(b))
}

func awaitUnfired(b *testing.B) contender {
	var d *eventual.Deferred[int]
	fire := func() { _ = d.Callback(1) }
	return inCoroutine(b, func(r *reactor.Reactor, co *reactor.Co) (int, error) {
		d = eventual.NewDeferred[int](nil)
		if err := r.Call(fire); err != nil {
			return 0, err
		}
		return reactor.Await(co, d)
	})
}

// onDoneStep is the same Deferred and call, n times, without a coroutine.
func onDoneStep(b *testing.B) func(n int) time.Duration {
	r := startReactor(b)
	return func(n int) time.Duration {
		took := make(chan time.Duration, 1)
		begun := time.Now()
		var d *eventual.Deferred[int]
		fire := func() { _ = d.Callback(1) }
		var step func()
		step = func() {
			if n--; n < 0 {
				took <- time.Since(begun)
				return
			}
			d = eventual.NewDeferred[int](nil)
			d.OnDone(step)
			if r.Call(fire) != nil {
				b.Error("refused")
			}
		}
		if err := r.Call(step); err != nil {
			b.Fatal(err)
		}
		return <-took
	}
}

// bareAwait is the same Deferred, call and firing, around a bare step of iter.Pull:
// what a step of BenchmarkAwaitUnfired costs without Await.
func bareAwait(b *testing.B) contender {
	r := startReactor(b)
	return contender{name: "bare-step", timed: func(n int) time.Duration {
		var d *eventual.Deferred[int]
		next, stop := iter.Pull(func(yield func(int) bool) {
			for {
				d = eventual.NewDeferred[int](nil)
				if !yield(1) {
					return
				}
			}
		})
		defer stop()
		took := make(chan time.Duration, 1)
		begun := time.Now()
		var fire func()
		fire = func() {
			if d != nil {
				_ = d.Callback(1)
			}
			if n--; n < 0 {
				took <- time.Since(begun)
				return
			}
			next()
			if r.Call(fire) != nil {
				b.Error("refused")
			}
		}
		if err := r.Call(fire); err != nil {
			b.Fatal(err)
		}
		return <-took
	}}
}

// A coroutine that is started, runs to its end and gives its value to a goroutine
// that waits.
func BenchmarkInline(b *testing.B) {
	r := startReactor(b)
	body := func(*reactor.Co) (int, error) { return 1, nil }
	against(b, func(n int) {
		for range n {
			must(b, reactor.Inline(background, r, body))
		}
	}, contender{name: "iter.Pull", run: func(n int) {
		for range n {
			next, stop := iter.Pull(func(yield func(int) bool) { yield(1) })
			next()
			stop()
		}
	}})
}

// inCoroutine makes n steps in one coroutine and times just these.
func inCoroutine(b *testing.B, step func(*reactor.Reactor, *reactor.Co) (int, error)) contender {
	r := startReactor(b)
	return contender{timed: func(n int) time.Duration {
		return must(b, reactor.Inline(background, r, func(co *reactor.Co) (time.Duration, error) {
			begun := time.Now()
			for range n {
				if _, err := step(r, co); err != nil {
					return 0, err
				}
			}
			return time.Since(begun), nil
		}))
	}}
}

func pullStep(b *testing.B) contender {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for yield(1) {
		}
	})
	b.Cleanup(stop)
	return contender{name: "iter.Pull-step", run: func(n int) {
		for range n {
			next()
		}
	}}
}

// One callback added to a chain and run, in chains of a thousand.
func BenchmarkDeferredLink(b *testing.B) {
	against(b, func(n int) {
		inBatches(n, func(m int) {
			d := eventual.NewDeferred[int](nil)
			for range m {
				d.AddCallback(increment)
			}
			_ = d.Callback(0)
			if o, _ := d.Peek(); o.Value != m {
				b.Fatal(o)
			}
		})
	}, contender{name: "slice-of-functions", run: func(n int) {
		inBatches(n, func(m int) {
			var chain []func(int) (int, error)
			for range m {
				chain = append(chain, increment)
			}
			runChain(b, chain)
		})
	}}, contender{name: "locked-slice", run: func(n int) { // any goroutine may add
		inBatches(n, func(m int) {
			var mu sync.Mutex
			var chain []func(int) (int, error)
			for range m {
				mu.Lock()
				chain = append(chain, increment)
				mu.Unlock()
			}
			runChain(b, chain)
		})
	}})
}

func increment(v int) (int, error) { return v + 1, nil }

func runChain(b *testing.B, chain []func(int) (int, error)) {
	v, err := 0, error(nil)
	for _, f := range chain {
		if v, err = f(v); err != nil {
			b.Fatal(err)
		}
	}
	runtime.KeepAlive(v)
}
