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

// A wait that has to park: the other side settles only once the waiter sleeps.
func BenchmarkWaitParked(b *testing.B) {
	b.ReportAllocs()
	type job struct{ settle func(int, error) bool }
	jobs := make(chan job)
	go func() {
		for j := range jobs {
			for range 4 * 1000 {
				j.settle(1, nil)
			}
		}
	}()
	defer close(jobs)
	for b.Loop() {
		r, settle := eventual.New[int](nil)
		jobs <- job{settle}
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
