package httpbridge_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

// flown is the computation of a flight, in a test's hand.
type flown struct {
	ctx      context.Context
	settle   func(int, error) bool
	canceled bool
}

// take begins a computation and remembers it.
func take(all *[]*flown) func(context.Context) *eventual.Result[int] {
	return func(ctx context.Context) *eventual.Result[int] {
		f := &flown{ctx: ctx}
		var res *eventual.Result[int]
		res, f.settle = eventual.New[int](func() { f.canceled = true })
		*all = append(*all, f)
		return res
	}
}

func TestFlight_H09_IdenticalComputationsAreDoneOnce(t *testing.T) {
	var flight httpbridge.Flight[string, int]
	var flown []*flown
	type user struct{}
	ctx := context.WithValue(context.Background(), user{}, "ann")
	a, b := flight.Do(ctx, "x", take(&flown)), flight.Do(context.Background(), "x", take(&flown))
	other := flight.Do(ctx, "y", take(&flown))
	if len(flown) != 2 {
		t.Fatalf("%d computations", len(flown))
	}
	if flown[0].ctx.Value(user{}) != nil {
		t.Error("it has the values of the first request")
	}
	if _, deadline := flown[0].ctx.Deadline(); deadline {
		t.Error("it has a deadline")
	}
	flown[0].settle(7, nil)
	for _, res := range []*eventual.Result[int]{a, b} {
		if v, err := res.Wait(0); v != 7 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
	}
	if flown[0].ctx.Err() == nil {
		t.Error("its ctx outlives it")
	}
	if _, ok := other.Peek(); ok {
		t.Error("another key has ended too")
	}
	flown[1].settle(0, errBoom)
	if _, err := other.Wait(0); !errors.Is(err, errBoom) {
		t.Error(err)
	}
	flight.Do(ctx, "x", take(&flown)) // nothing is kept
	if len(flown) != 3 {
		t.Errorf("%d computations", len(flown))
	}
}

func TestFlight_H09_EndsWhenTheLastHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flight httpbridge.Flight[string, int]
		var flown []*flown
		first, leave := context.WithCancel(t.Context())
		a := flight.Do(first, "x", take(&flown))
		b := flight.Do(t.Context(), "x", take(&flown))
		c := flight.Do(t.Context(), "x", take(&flown))
		leave() // the first, which would end all of it with x/sync/singleflight
		synctest.Wait()
		if _, err := a.Wait(0); !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
		b.Cancel()
		b.Cancel()
		a.Cancel()
		if _, err := b.Wait(0); !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("the second: %v", err)
		}
		if flown[0].canceled || flown[0].ctx.Err() != nil {
			t.Fatal("it was ended while there is one who waits")
		}
		c.Cancel()
		if !flown[0].canceled || flown[0].ctx.Err() == nil {
			t.Error("it goes on for nobody")
		}
		// It has not ended yet. Who comes now must not share its end.
		d := flight.Do(t.Context(), "x", take(&flown))
		flown[0].settle(0, context.Canceled)
		if len(flown) != 2 {
			t.Fatalf("%d computations", len(flown))
		}
		flown[1].settle(2, nil)
		if v, err := d.Wait(0); v != 2 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
		if _, err := flight.Do(first, "x", take(&flown)).Wait(0); !errors.Is(err, context.Canceled) || len(flown) != 2 {
			t.Errorf("of one who has left: %v, %d computations", err, len(flown))
		}
	})
}

func TestFlight_H09_FunctionsThatMisbehave(t *testing.T) {
	var flight httpbridge.Flight[int, int]
	ctx := context.Background()
	for name, c := range map[string]struct {
		start func(context.Context) *eventual.Result[int]
		want  error
	}{
		"panic": {func(context.Context) *eventual.Result[int] { panic(errBoom) }, errBoom},
		"nil":   {func(context.Context) *eventual.Result[int] { return nil }, nil},
	} {
		for range 2 { // it is not in flight for ever
			if _, err := flight.Do(ctx, 1, c.start).Wait(0); err == nil || !errors.Is(err, c.want) && c.want != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	var joined *eventual.Result[int]
	var wg sync.WaitGroup
	wg.Go(func() {
		flight.Do(ctx, 1, func(context.Context) *eventual.Result[int] {
			joined = flight.Do(ctx, 1, func(context.Context) *eventual.Result[int] { t.Error("not joined"); return nil })
			runtime.Goexit()
			return nil
		})
	})
	wg.Wait()
	if _, err := joined.Wait(0); !errors.Is(err, eventual.ErrGoexit) {
		t.Errorf("Goexit: %v", err)
	}
	if _, err := flight.Do(ctx, 1, nil).Wait(0); err == nil {
		t.Error("nil function accepted")
	}
	told := make(chan struct{})
	deserted := func() *eventual.Result[int] { // everybody leaves while it begins
		leaving, leave := context.WithCancel(ctx)
		return flight.Do(leaving, 2, func(fctx context.Context) *eventual.Result[int] {
			leave()
			<-fctx.Done()
			res, _ := eventual.New[int](func() { close(told) })
			return res
		})
	}()
	if _, err := deserted.Wait(patience); !errors.Is(err, context.Canceled) {
		t.Errorf("deserted: %v", err)
	}
	within(t, told, "work that was begun for nobody is cancelled")
}

func TestFlight_H09_ProgressReachesAll(t *testing.T) {
	var flight httpbridge.Flight[string, string]
	var inner context.Context
	o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{})
	h := httpbridge.Handler(func(r *http.Request) *eventual.Result[string] {
		return flight.Do(r.Context(), "x", func(ctx context.Context) *eventual.Result[string] {
			inner = ctx
			res, _ := eventual.New[string](nil)
			return res
		})
	}, httpbridge.HandlerConfig{Resources: o.Resources})
	begin := func() string { return do(h, "POST", "/", "Prefer", "respond-async").Header.Get("Location") }
	first, second := begin(), begin()
	httpbridge.Report(inner, httpbridge.Progress{Done: 1, Total: 2})
	third := begin() // and is told what was said before
	for _, location := range []string{first, second, third} {
		if doc := document(t, o.want(t, "GET", location, 202)); doc["percent"] != 50.0 {
			t.Errorf("%v", doc)
		}
	}
	o.want(t, "DELETE", first, 204)
	o.want(t, "DELETE", second, 204)
	if inner.Err() != nil {
		t.Error("it was ended while there is one who waits")
	}
	o.want(t, "DELETE", third, 204)
	if inner.Err() == nil {
		t.Error("it goes on for nobody")
	}
}

// TestFlight_H09_Stress: whatever comes and goes, everybody gets the outcome of a
// run that began no later than they came, or their own cancel, and every run that
// all have left is told.
func TestFlight_H09_Stress(t *testing.T) {
	var flight httpbridge.Flight[int, int64]
	var runs, running atomic.Int64
	start := func(ctx context.Context) *eventual.Result[int64] {
		return eventual.Go(ctx, func(ctx context.Context) (int64, error) {
			running.Add(1)
			defer running.Add(-1)
			n := runs.Add(1)
			if n%3 == 0 {
				<-ctx.Done() // ends only when all have left
				return 0, ctx.Err()
			}
			for range rand.N(3) {
				runtime.Gosched()
			}
			return n, nil
		})
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				ctx, leave := context.WithCancel(context.Background())
				res := flight.Do(ctx, rand.N(2), start)
				if rand.N(2) == 0 {
					go leave()
				} else {
					time.AfterFunc(time.Millisecond, leave)
				}
				v, err := res.Wait(patience)
				if err == nil && v == 0 || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%d, %v", v, err)
				}
				leave()
			}
		})
	}
	wg.Wait()
	await(t, func() bool { return running.Load() == 0 })
}

func ExampleFlight() {
	var reports httpbridge.Flight[string, string]
	ctx := context.Background() // in a handler, that of the request

	compute := make(chan struct{})
	report := func(month string) *eventual.Result[string] {
		return reports.Do(ctx, month, func(ctx context.Context) *eventual.Result[string] {
			fmt.Println("computing", month)
			return eventual.Go(ctx, func(context.Context) (string, error) {
				<-compute
				return "report of " + month, nil
			})
		})
	}
	first, second := report("May"), report("May")
	first.Cancel() // whoever asked first has gone
	close(compute)
	fmt.Println(second.Wait(time.Minute))
	// Output:
	// computing May
	// report of May <nil>
}
