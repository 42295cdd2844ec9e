package bench_test

import (
	"iter"
	"runtime"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// Awaiting what is there already: the coroutine keeps its turn.
func BenchmarkAwaitFired(b *testing.B) {
	fired := eventual.Succeed(1)
	against(b, inCoroutine(b, func(co *reactor.Co) (int, error) {
		return reactor.Await(co, fired)
	}), pullStep(b))
}

// Awaiting a Deferred that fires in the next turn. A step of iter.Pull is two
// switches between coroutines, and so is this at the least.
func BenchmarkAwaitUnfired(b *testing.B) {
	r := startReactor(b)
	against(b, inCoroutineOf(b, r, func(co *reactor.Co) (int, error) {
		d := eventual.NewDeferred[int](nil)
		if err := r.Call(func() { _ = d.Callback(1) }); err != nil {
			return 0, err
		}
		return reactor.Await(co, d)
	}), pullStep(b))
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

func inCoroutine(b *testing.B, step func(co *reactor.Co) (int, error)) func(n int) {
	return inCoroutineOf(b, startReactor(b), step)
}

func inCoroutineOf(b *testing.B, r *reactor.Reactor, step func(co *reactor.Co) (int, error)) func(n int) {
	return func(n int) {
		must(b, reactor.Inline(background, r, func(co *reactor.Co) (int, error) {
			for range n {
				if _, err := step(co); err != nil {
					return 0, err
				}
			}
			return n, nil
		}))
	}
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
	increment := func(v int) (int, error) { return v + 1, nil }
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
			v, err := 0, error(nil)
			for _, f := range chain {
				if v, err = f(v); err != nil {
					b.Fatal(err)
				}
			}
			runtime.KeepAlive(v)
		})
	}})
}
