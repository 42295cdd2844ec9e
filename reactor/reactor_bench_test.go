package reactor_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

func startReactor(tb testing.TB, cfg reactor.Config) *reactor.Reactor {
	tb.Helper()
	r := reactor.New(cfg)
	r.Start()
	tb.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			tb.Errorf("Stop: %v", err)
		}
	})
	return r
}

// The yardstick of round trips: two goroutines and two unbuffered channels.
func BenchmarkChannelPingPong(b *testing.B) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v
		}
		close(pong)
	}()
	b.ReportAllocs()
	for b.Loop() {
		ping <- 1
		<-pong
	}
	close(ping)
	<-pong
}

// What one writes by hand: an actor that takes closures, a reply channel and a
// timer for each call.
func BenchmarkHandWrittenActor(b *testing.B) {
	calls := make(chan func(), 64)
	go func() {
		for f := range calls {
			f()
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		reply := make(chan int, 1)
		calls <- func() { reply <- 1 }
		t := time.NewTimer(time.Minute)
		select {
		case <-reply:
			t.Stop()
		case <-t.C:
			b.Fatal("late")
		}
	}
	close(calls)
}

func one(context.Context) (int, error) { return 1, nil }

func BenchmarkRoundTrip(b *testing.B) {
	r := startReactor(b, reactor.Config{})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reactor.RunInReactor(ctx, r, one).Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPipelined(b *testing.B) {
	r := startReactor(b, reactor.Config{})
	ctx := context.Background()
	const depth = 1000
	b.ReportAllocs()
	var waits [depth]interface {
		Wait(time.Duration) (int, error)
	}
	n := 0
	for b.Loop() {
		waits[n] = reactor.RunInReactor(ctx, r, one)
		if n++; n == depth {
			for _, w := range waits {
				if _, err := w.Wait(time.Minute); err != nil {
					b.Fatal(err)
				}
			}
			n = 0
		}
	}
}

func BenchmarkCall(b *testing.B) {
	r := startReactor(b, reactor.Config{})
	count := 0
	f := func() { count++ }
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Call(f); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := reactor.RunInReactor(context.Background(), r, one).Wait(time.Minute); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkCall8Producers(b *testing.B) {
	r := startReactor(b, reactor.Config{})
	count := 0
	f := func() { count++ }
	b.ReportAllocs()
	b.SetParallelism(4) // on two processors, eight producers
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := r.Call(f); err != nil {
				b.Error(err)
				return
			}
		}
	})
	if _, err := reactor.RunInReactor(context.Background(), r, one).Wait(time.Minute); err != nil {
		b.Fatal(err)
	}
}

// millionPending fills r's heap with calls that are far away.
func millionPending(r *reactor.Reactor) {
	for i := range 1_000_000 {
		r.CallLater(time.Hour+time.Duration(i*7919%1_000_003)*time.Millisecond, func() {})
	}
}

func BenchmarkCallLaterFired(b *testing.B) {
	r := startReactor(b, reactor.Config{})
	millionPending(r)
	f := func() {}
	b.ReportAllocs()
	for b.Loop() {
		r.CallLater(0, f)
	}
	for r.Stats().Timers > 1_000_000 {
		_, _ = reactor.RunInReactor(context.Background(), r, one).Wait(time.Minute)
	}
}

func BenchmarkCallLaterCancel(b *testing.B) {
	r := startReactor(b, reactor.Config{})
	millionPending(r)
	f := func() {}
	calls := make([]*reactor.DelayedCall, 0, 1000)
	for b.Loop() {
		b.StopTimer()
		calls = calls[:0]
		for i := range cap(calls) {
			calls = append(calls, r.CallLater(time.Hour+time.Duration(i)*time.Second, f))
		}
		b.StartTimer()
		for _, c := range calls {
			c.Cancel()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*cap(calls)), "ns/cancel")
}

func BenchmarkAwaitFired(b *testing.B) {
	r := startReactor(b, reactor.Config{StallThreshold: -1})
	fired := eventual.Of(1)
	_, err := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		for b.Loop() {
			if _, err := reactor.Await(co, fired); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}).Wait(time.Hour)
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkAwaitUnfired(b *testing.B) {
	r := startReactor(b, reactor.Config{StallThreshold: -1})
	b.ReportAllocs()
	_, err := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		for b.Loop() {
			d := eventual.NewDeferred[int](nil)
			_ = r.Call(func() { _ = d.Callback(1) })
			if _, err := reactor.Await(co, d); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}).Wait(time.Hour)
	if err != nil {
		b.Fatal(err)
	}
}

// The yardstick of awaits: one step of iter.Pull is two switches.
func BenchmarkIterPullStep(b *testing.B) {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for yield(1) {
		}
	})
	defer stop()
	for b.Loop() {
		next()
	}
}

func BenchmarkInline(b *testing.B) {
	r := startReactor(b, reactor.Config{StallThreshold: -1})
	b.ReportAllocs()
	body := func(co *reactor.Co) (int, error) { return 1, nil }
	for b.Loop() {
		if _, err := reactor.Inline(context.Background(), r, body).Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}
