package eventual_test

import (
	"context"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

func BenchmarkWaitFinished(b *testing.B) {
	r := eventual.Of(7)
	b.ReportAllocs()
	for b.Loop() {
		if v, err := r.Wait(time.Second); v != 7 || err != nil {
			b.Fatal(v, err)
		}
	}
}

// A wait that has to park: the other side settles a millisecond later, by when the
// waiter has yielded in vain. The time is the timer's; the allocations count, and
// the first of them are the result, its settle function and the timer's.
func BenchmarkWaitParked(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r, settle := eventual.New[int](nil)
		time.AfterFunc(time.Millisecond, func() { settle(1, nil) })
		if v, err := r.Wait(time.Minute); v != 1 || err != nil {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkNewSettle(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r, settle := eventual.New[int](nil)
		settle(1, nil)
		_ = r
	}
}

func BenchmarkGoWait(b *testing.B) {
	b.ReportAllocs()
	ctx := context.Background()
	fn := func(context.Context) (int, error) { return 1, nil }
	for b.Loop() {
		if _, err := eventual.Go(ctx, fn).Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

// The same by hand, for comparison.
func BenchmarkGoChannelByHand(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c := make(chan int, 1)
		go func() { c <- 1 }()
		t := time.NewTimer(time.Minute)
		select {
		case <-c:
			t.Stop()
		case <-t.C:
			b.Fatal("late")
		}
	}
}
