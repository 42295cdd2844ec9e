package threadpool_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/trestle-go/trestle/threadpool"
)

// numbers counts from 0, for ever.
func numbers(taken *int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			*taken = i + 1
		}
	}
}

func TestMap_OrderedAndBounded(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 4})
	var now, most atomic.Int32
	taken, want := 0, 0
	for v, err := range threadpool.Map(context.Background(), p, numbers(&taken), func(_ context.Context, n int) (int, error) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		if n%3 == 0 {
			runtime.Gosched()
		}
		if n == 50 {
			return 0, errBoom
		}
		return n * n, nil
	}) {
		if want == 50 && !errors.Is(err, errBoom) || want != 50 && (v != want*want || err != nil) {
			t.Fatalf("%d: %d, %v", want, v, err)
		}
		if want++; want == 200 {
			break
		}
	}
	if taken > 200+5 || most.Load() > 4 {
		t.Errorf("took %d values for 200 results, %d at once", taken, most.Load())
	}
}

func TestMap_EarlyBreakCancels(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 4})
	var canceled atomic.Int32
	taken := 0
	for range threadpool.Map(context.Background(), p, numbers(&taken), func(ctx context.Context, n int) (int, error) {
		if n == 0 {
			return 0, nil
		}
		<-ctx.Done()
		canceled.Add(1)
		return 0, ctx.Err()
	}) {
		break
	}
	for p.Stats().Busy != 0 {
		runtime.Gosched()
	}
	if n := canceled.Load(); n > 3 {
		t.Errorf("%d cancelled", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n := 0
	for _, err := range threadpool.Map(ctx, p, numbers(&taken), func(context.Context, int) (int, error) { return 1, nil }) {
		if n++; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d results of an ended ctx", n)
	}
	for _, err := range threadpool.Map[int, int](context.Background(), p, nil, nil) {
		if err == nil {
			t.Error("nil accepted")
		}
	}
}

func TestMap_FromAWorker(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	sum, err := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (sum int, err error) {
		for v, err := range threadpool.Map(ctx, p, slices.Values([]int{1, 2, 3}), func(_ context.Context, n int) (int, error) { return n, nil }) {
			if err != nil {
				return 0, err
			}
			sum += v
		}
		return sum, nil
	}).Wait(soon)
	if sum != 6 || err != nil {
		t.Errorf("%d, %v", sum, err)
	}
}

// TestMap_EndOfItsCtxIsNotSilent: a loop that ends has had an error, or all.
func TestMap_EndOfItsCtxIsNotSilent(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2})
	for stopAt := range 5 {
		ctx, cancel := context.WithCancelCause(context.Background())
		n, failed := 0, false
		for v, err := range threadpool.Map(ctx, p, slices.Values([]int{0, 1, 2, 3, 4}), func(_ context.Context, n int) (int, error) { return n, nil }) {
			if err != nil {
				if failed = true; !errors.Is(err, errBoom) {
					t.Errorf("%v", err)
				}
				continue
			}
			if v != n {
				t.Errorf("%d, want %d", v, n)
			}
			if n++; v == stopAt {
				cancel(errBoom)
			}
		}
		cancel(nil)
		if n < 5 && !failed {
			t.Errorf("stopped at %d: %d results and no error", stopAt, n)
		}
	}
}

// TestMap_PanicsPass: of the sequence and of the loop's body, after which nothing
// runs on.
func TestMap_PanicsPass(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2})
	wait := func(ctx context.Context, n int) (int, error) {
		if n == 0 {
			return 0, nil
		}
		<-ctx.Done()
		return 0, ctx.Err()
	}
	for name, run := range map[string]func(){
		"sequence": func() {
			for range threadpool.Map(context.Background(), p, func(yield func(int) bool) { yield(0); panic(errBoom) }, wait) {
				continue
			}
		},
		"body": func() {
			taken := 0
			for range threadpool.Map(context.Background(), p, numbers(&taken), wait) {
				panic(errBoom)
			}
		},
	} {
		func() {
			defer func() {
				if err, _ := recover().(error); !errors.Is(err, errBoom) {
					t.Errorf("%s: %v", name, err)
				}
			}()
			run()
		}()
		for s := p.Stats(); s.Busy+s.Queued > 0; s = p.Stats() {
			runtime.Gosched()
		}
	}
}

func TestMap_EmptyOneAndAFullQueue(t *testing.T) {
	square := func(_ context.Context, n int) (int, error) { return n * n, nil }
	for _, cfg := range []threadpool.Config{{Max: 1}, {Max: 4}, {Max: 4, QueueLimit: 1}, {Max: 1, LockOSThread: true}} {
		p := newPool(t, cfg)
		for _, n := range []int{0, 1, 100} {
			got := 0
			for v, err := range threadpool.Map(context.Background(), p, func(yield func(int) bool) {
				for i := 0; i < n && yield(i); i++ {
				}
			}, square) {
				if v != got*got || err != nil {
					t.Errorf("%+v: %d of %d: %d, %v", cfg, got, n, v, err)
				}
				got++
			}
			if got != n {
				t.Errorf("%+v: %d of %d", cfg, got, n)
			}
		}
	}
}
