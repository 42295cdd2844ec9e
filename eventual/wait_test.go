package eventual_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

// TestEventual_E09_CancelAfterTheEndChangesNothing: neither the outcome, nor what is
// said of it, nor whether it would be reported.
func TestEventual_E09_CancelAfterTheEndChangesNothing(t *testing.T) {
	seen := watchReports(t)
	func() {
		ok, failed := eventual.Go(context.Background(), func(context.Context) (int, error) { return 3, nil }), eventual.Failed[int](errBoom)
		if v, err := ok.Wait(soon); v != 3 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
		for range 2 {
			ok.Cancel()
			failed.Cancel()
		}
		if v, err := ok.Wait(0); v != 3 || err != nil {
			t.Errorf("cancelled after its end: %d, %v", v, err)
		}
		if _, err := failed.Wait(0); err != errBoom { //nolint:errorlint // the very error
			t.Errorf("cancelled after its failure: %v", err)
		}
		unseen := eventual.Failed[int](errors.New("cancelled too late"))
		unseen.Cancel()
	}()
	collect(t, func() bool { return seen.count("cancelled too late") == 1 })
}

// TestEventual_E11_AWorkerThatWaitsIsWoken: a goroutine that lends its slot while it
// waits has it back when what it waits for is stopped.
func TestEventual_E11_AWorkerThatWaitsIsWoken(t *testing.T) {
	life := eventual.NewLifetime("component x")
	j := newJob(context.Background(), life)
	lent, woken := make(chan struct{}), make(chan error)
	resumed := false
	go func() {
		defer park.Leave(park.Enter(hook(func() func() {
			close(lent)
			return func() { resumed = true }
		})))
		_, err := j.Result().WaitContext(context.Background())
		woken <- err
	}()
	<-lent
	life.End(eventual.ErrStopped)
	j.Abort(eventual.ErrStopped)
	if err := <-woken; !errors.Is(err, eventual.ErrStopped) || !resumed {
		t.Errorf("%v, resumed %v", err, resumed)
	}
}

type hook func() func()

func (h hook) BeforePark(any) (func(), error) { return h(), nil }

// TestEventual_E13_AWaiterThatGaveUpLeaksNothing, however many do.
func TestEventual_E13_AWaiterThatGaveUpLeaksNothing(t *testing.T) {
	r, settle := eventual.New[int](nil)
	giveUp := func(n int) {
		for range n {
			elsewhere(func() { // each a goroutine of its own, with a waiter of its own
				if _, err := r.Wait(time.Nanosecond); !errors.Is(err, eventual.ErrTimeout) {
					t.Error(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
				defer cancel()
				if _, err := r.WaitContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	giveUp(1000) // some waiters are kept for those who wait again
	before, goroutines := heap(), runtime.NumGoroutine()
	const n = 2000
	giveUp(n)
	// A waiter with its channel and timer takes a few hundred bytes.
	if grown := heap() - before; grown > 50*n {
		t.Errorf("%d bytes more after %d waits that gave up", grown, n)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 5 {
		t.Errorf("%d goroutines more", more)
	}
	settle(1, nil)
	if v, err := r.Wait(0); v != 1 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

// TestEventual_E13_AParkedWaitAllocatesLittle: nothing on a goroutine that has waited
// before, and at its first wait a channel, and a timer if there is a timeout.
func TestEventual_E13_AParkedWaitAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	settling := make(chan func(int, error) bool)
	defer close(settling)
	go func() { // ends when settling is closed
		for settle := range settling {
			time.Sleep(time.Millisecond) // the waiter has parked meanwhile
			settle(1, nil)
		}
	}()
	type waiting = func(*eventual.Result[int])
	allocs := func(wait waiting) float64 {
		return testing.AllocsPerRun(50, func() {
			r, settle := eventual.New[int](nil)
			settling <- settle
			wait(r)
		})
	}
	first := func(wait waiting) waiting { // on a goroutine that has never waited
		return func(r *eventual.Result[int]) {
			done := make(chan struct{})
			go func() { wait(r); close(done) }()
			<-done
		}
	}
	none := func(*eventual.Result[int]) {}
	for _, kind := range []struct {
		name  string
		wait  waiting
		first float64
	}{
		{"Wait", func(r *eventual.Result[int]) { _, _ = r.Wait(time.Minute) }, 2},
		{"WaitContext", func(r *eventual.Result[int]) { _, _ = r.WaitContext(context.Background()) }, 1},
		{"a Wait that times out", func(r *eventual.Result[int]) { _, _ = r.Wait(time.Microsecond) }, 2},
	} {
		if n := allocs(kind.wait) - allocs(none); n > 0 {
			t.Errorf("%s: %v allocations", kind.name, n)
		}
		if n := allocs(first(kind.wait)) - allocs(first(none)); n > kind.first {
			t.Errorf("%s, the first of a goroutine: %v allocations", kind.name, n)
		}
	}
}

// TestEventual_E16_WaitersOfManyBubbles: what waiters have in common comes from no
// bubble, though bubbles at the same time and goroutines outside take and leave it.
func TestEventual_E16_WaitersOfManyBubbles(t *testing.T) {
	crowd := func(t *testing.T) {
		var wg sync.WaitGroup
		for range 300 { // more than waiters are kept
			wg.Go(func() {
				r, settle := eventual.New[int](nil)
				if _, err := r.Wait(time.Millisecond); !errors.Is(err, eventual.ErrTimeout) {
					t.Error(err)
				}
				time.AfterFunc(time.Millisecond, func() { settle(1, nil) })
				if _, err := r.Wait(soon); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	for range 4 {
		t.Run("in a bubble", func(t *testing.T) {
			t.Parallel()
			for range 5 {
				synctest.Test(t, crowd)
			}
		})
		t.Run("outside", func(t *testing.T) {
			t.Parallel()
			for range 5 {
				crowd(t)
			}
		})
	}
}

// TestEventual_E13_TimeoutsThatMeetTheResult: a waiter is used again and again,
// whichever comes first, and no wake-up of one wait ends another.
func TestEventual_E13_TimeoutsThatMeetTheResult(t *testing.T) {
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			timedOut := 0
			for i := range 300 {
				r, settle := eventual.New[int](nil)
				after := time.Duration(i%50) * time.Microsecond
				time.AfterFunc(after, func() { settle(i, nil) })
				v, err := r.Wait(after + time.Microsecond)
				for ; errors.Is(err, eventual.ErrTimeout); v, err = r.Wait(after + time.Microsecond) {
					timedOut++
				}
				if v != i || err != nil {
					t.Fatalf("%d: %d, %v", i, v, err)
				}
				begun := time.Now()
				pending, _ := eventual.New[int](nil)
				if _, err := pending.Wait(50 * time.Microsecond); !errors.Is(err, eventual.ErrTimeout) {
					t.Fatal(err)
				}
				if took := time.Since(begun); took < 50*time.Microsecond {
					t.Fatalf("woken after %v by what belongs to an earlier wait", took)
				}
			}
			t.Logf("%d timed out", timedOut)
		})
	}
}

// TestEventual_E09_TheCtxCostsNothingUntilAsked: values, deadline and Err come
// without a context of the standard library.
func TestEventual_E09_TheCtxCostsNothingUntilAsked(t *testing.T) {
	life := eventual.NewLifetime("test")
	parent := context.WithValue(context.Background(), key{}, "v")
	n := testing.AllocsPerRun(100, func() {
		w := &queuedJob{life: life}
		w.Init(parent, w)
		ctx, _ := w.Begin()
		if _, bounded := ctx.Deadline(); bounded || ctx.Err() != nil || ctx.Value(key{}) != "v" {
			t.Error("wrong ctx")
		}
		w.Settle(1, nil)
	})
	if n > 2 { // the job with its result, and the ctx
		t.Errorf("%v allocations", n)
	}
}
