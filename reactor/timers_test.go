package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

func TestReactor_R06_Default(t *testing.T) {
	defer reactor.ForgetDefault()
	if err := reactor.SetDefault(nil); err == nil {
		t.Error("SetDefault(nil) accepted")
	}
	mine := reactor.New(reactor.Config{Name: "mine"})
	defer mine.Stop(context.Background())
	if err := reactor.SetDefault(mine); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := reactor.Default(); r != mine {
				t.Errorf("Default is %v", r.Name())
			}
		})
	}
	wg.Wait()
	on(t, reactor.Default(), func() {}) // started
	if err := reactor.SetDefault(mine); err != nil {
		t.Errorf("the same once more: %v", err)
	}
	if err := reactor.SetDefault(reactor.New(reactor.Config{})); err == nil {
		t.Error("SetDefault after Default accepted")
	}
}

func TestReactor_R07_Order(t *testing.T) {
	r := reactortest.New(t)
	var order []string
	note := func(s string) func() { return func() { order = append(order, s) } }
	r.CallLater(2*time.Second, note("b1"))
	r.CallLater(time.Second, note("a"))
	r.CallLater(2*time.Second, note("b2"))
	late := r.CallLater(3*time.Second, note("moved ahead"))
	early := r.CallLater(500*time.Millisecond, note("moved behind"))
	gone := r.CallLater(time.Second, note("cancelled"))
	r.CallLater(time.Second, func() {
		order = append(order, "mover")
		late.Reset(0)
	})
	if !early.Delay(10*time.Second) || !gone.Cancel() || gone.Cancel() || gone.Active() || !late.Active() {
		t.Error("wrong answers")
	}
	if calls := r.DelayedCalls(); len(calls) != 6 || calls[5] != early {
		t.Errorf("%d calls listed", len(calls))
	}
	if at := late.Time().Sub(r.Now()); at != 3*time.Second {
		t.Errorf("Time is in %v", at)
	}
	r.Advance(time.Minute)
	if want := []string{"a", "mover", "moved ahead", "b1", "b2", "moved behind"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
	if late.Cancel() || late.Reset(1) || late.Delay(1) || late.Active() {
		t.Error("a call that ran can still be changed")
	}
	if r.CallAt(r.Now().Add(time.Hour), func() {}); r.DelayedCalls()[0].Time().Sub(r.Now()) != time.Hour {
		t.Error("CallAt is not at its time")
	}
}

func TestReactor_R07_RunawayTimersStarveNobody(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	stop := false
	var again func()
	again = func() {
		if !stop {
			r.CallLater(0, again)
		}
	}
	for range 200 {
		r.CallLater(0, again)
	}
	on(t, r, func() { stop = true })
}

func TestReactor_FloodOfCallsStarvesNoTimer(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = r.Call(func() {})
				}
			}
		})
	}
	wait(t, reactor.DeferLater(context.Background(), r, 5*time.Millisecond, one))
	close(stop)
	wg.Wait()
}

// TestReactor_R07_AgainstAModel compares random scheduling, moving and cancelling
// with a sorted list.
func TestReactor_R07_AgainstAModel(t *testing.T) {
	type entry struct {
		at   time.Duration
		seq  int
		id   int
		call *reactor.DelayedCall
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := reactortest.New(t)
		begun := r.Now()
		const base = -time.Nanosecond // of the reactor's clock, which a call cannot be moved before
		var pending []entry
		var got, want []int
		seq := 0
		add := func(id int, at time.Duration, c *reactor.DelayedCall) {
			seq++
			pending = append(pending, entry{at, seq, id, c})
		}
		pick := func(t *rapid.T) int { return rapid.IntRange(0, len(pending)-1).Draw(t, "which") }
		units := rapid.SampledFrom([]time.Duration{1, 100 * time.Microsecond, time.Second}) // in line, around its end, in the heap
		delay := func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 20).Draw(t, "delay")) * units.Draw(t, "unit")
		}
		now := func() time.Duration { return r.Now().Sub(begun) }
		nextID := 0
		rt.Repeat(map[string]func(*rapid.T){
			"later": func(t *rapid.T) {
				id, d := nextID, delay(t)
				nextID++
				add(id, now()+d, r.CallLater(d, func() { got = append(got, id) }))
			},
			"cancel": func(t *rapid.T) {
				if len(pending) == 0 {
					t.Skip("none pending")
				}
				i := pick(t)
				if !pending[i].call.Cancel() {
					t.Fatal("Cancel of a pending call says no")
				}
				pending = slices.Delete(pending, i, i+1)
			},
			"reset": func(t *rapid.T) {
				if len(pending) == 0 {
					t.Skip("none pending")
				}
				i, d := pick(t), delay(t)
				e := pending[i]
				if !e.call.Reset(d) {
					t.Fatal("Reset of a pending call says no")
				}
				pending = slices.Delete(pending, i, i+1)
				add(e.id, now()+d, e.call)
			},
			"delay": func(t *rapid.T) {
				if len(pending) == 0 {
					t.Skip("none pending")
				}
				i, d := pick(t), time.Duration(rapid.IntRange(-20, 20).Draw(t, "by"))*units.Draw(t, "unit")
				e := pending[i]
				if !e.call.Delay(d) {
					t.Fatal("Delay of a pending call says no")
				}
				pending = slices.Delete(pending, i, i+1)
				add(e.id, max(e.at+d, base), e.call)
			},
			"advance": func(t *rapid.T) {
				d := delay(t)
				end := now() + d
				r.Advance(d)
				slices.SortFunc(pending, func(a, b entry) int {
					if a.at != b.at {
						return int(a.at - b.at)
					}
					return a.seq - b.seq
				})
				for len(pending) > 0 && pending[0].at <= end {
					want = append(want, pending[0].id)
					pending = pending[1:]
				}
			},
			"": func(t *rapid.T) {
				if !slices.Equal(got, want) {
					t.Fatalf("ran %v, want %v", got, want)
				}
				if r.Pending() != len(pending) {
					t.Fatalf("%d pending, want %d", r.Pending(), len(pending))
				}
			},
		})
	})
}

// TestReactor_R07_CancelOfEveryPendingCall: the sweep of cancelled entries may
// leave an empty heap behind.
func TestReactor_R07_CancelOfEveryPendingCall(t *testing.T) {
	for n := range 300 {
		r := reactortest.New(t)
		calls := make([]*reactor.DelayedCall, n)
		for i := range calls {
			calls[i] = r.CallLater(time.Hour, func() { t.Error("ran") })
		}
		for _, c := range calls {
			if !c.Cancel() {
				t.Fatalf("%d calls: Cancel says no", n)
			}
		}
		if left := r.DelayedCalls(); len(left) != 0 {
			t.Fatalf("%d calls: %d left", n, len(left))
		}
		ran := false
		r.CallLater(time.Second, func() { ran = true })
		if r.Advance(time.Hour); !ran {
			t.Fatalf("%d calls: the heap is of no use afterwards", n)
		}
	}
}

func TestReactor_R07_AMillionPending(t *testing.T) {
	n := 1_000_000
	if raceEnabled {
		n = 50_000
	}
	r := reactortest.New(t)
	last, ran := r.Now(), 0
	calls := make([]*reactor.DelayedCall, n)
	for i := range calls {
		calls[i] = r.CallLater(time.Duration(i*7919%n)*time.Millisecond, func() {
			if now := r.Now(); now.Before(last) {
				t.Error("out of order")
			} else {
				last = now
			}
			ran++
		})
	}
	for i := range n / 4 {
		calls[i*4].Cancel()
	}
	if r.Pending() != n-n/4 {
		t.Errorf("%d pending", r.Pending())
	}
	for range 10 {
		r.Pump()
	}
	if raceEnabled {
		r.Advance(time.Duration(n) * time.Millisecond)
		if ran != n-n/4 {
			t.Errorf("%d ran", ran)
		}
	}
}

func TestReactor_R09_DeferLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{Logger: quiet()})
		r.Start()
		ctx := context.Background()
		begun := time.Now()
		if v, err := reactor.DeferLater(ctx, r, time.Minute, one).Wait(time.Hour); v != 1 || err != nil || time.Since(begun) != time.Minute {
			t.Errorf("%v, %v, after %v", v, err, time.Since(begun))
		}
		if _, err := reactor.DeferLater(ctx, r, 0, explode).Wait(time.Hour); err == nil {
			t.Error("no panic")
		}
		canceled := reactor.DeferLater(ctx, r, time.Second, func(context.Context) (int, error) { t.Error("ran"); return 0, nil })
		canceled.Cancel()
		if _, err := canceled.Wait(0); !errors.Is(err, eventual.ErrCanceled) || len(r.DelayedCalls()) != 0 {
			t.Errorf("%v, %d calls left", err, len(r.DelayedCalls()))
		}
		time.Sleep(time.Minute)
		pending := reactor.DeferLater(ctx, r, time.Hour, one)
		if err := r.Stop(ctx); err != nil {
			t.Error(err)
		}
		if _, err := pending.Wait(0); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("after Stop: %v", err)
		}
		if c := r.CallLater(0, func() { t.Error("ran after Stop") }); c.Active() {
			t.Error("active after Stop")
		}
	})
}

func TestReactor_R09_React(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{{nil, 0}, {errBoom, 1}, {&reactor.ExitError{Code: 3}, 3}, {fmt.Errorf("wrapped: %w", &reactor.ExitError{Code: 4, Err: errBoom}), 4}} {
		if got := reactor.React(func(context.Context, *reactor.Reactor) error { return c.err }); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
	if got := reactor.React(nil); got != 1 {
		t.Errorf("nil: %d", got)
	}
	if got := reactor.React(func(context.Context, *reactor.Reactor) error { panic("bang") }); got != 1 {
		t.Errorf("panic: %d", got)
	}
	late := make(chan func(int, error) bool, 1)
	got := reactor.React(func(ctx context.Context, r *reactor.Reactor) error {
		res, settle := eventual.New[int](nil)
		reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) { return reactor.Await(co, res) })
		late <- settle
		return r.Stop(ctx) // stopped inside
	})
	(<-late)(1, nil) // a result that comes after the stop
	if got != 0 {
		t.Errorf("stopped inside: %d", got)
	}
	if runtime.GOOS == "windows" {
		return // where a process cannot send itself an interrupt
	}
	got = reactor.React(func(ctx context.Context, r *reactor.Reactor) error {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Signal(os.Interrupt)
		}
		if err != nil {
			return err
		}
		<-ctx.Done()
		return &reactor.ExitError{Code: 130}
	})
	if got != 130 {
		t.Errorf("interrupted: %d", got)
	}
}

func TestReactor_R10_BlockingCallAndWaitFor(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	ctx := context.Background()
	if v, err := reactor.BlockingCallFromThread(ctx, r, one); v != 1 || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	fail := func(context.Context) (int, error) { return 0, errBoom }
	if _, err := reactor.BlockingCallFromThread(ctx, r, fail); !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
	if v, err := reactor.WaitFor(ctx, r, soon, one); v != 1 || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	canceled := make(chan struct{})
	_, err := reactor.WaitFor(ctx, r, 10*time.Millisecond, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		close(canceled)
		return 0, ctx.Err()
	})
	<-canceled
	if !errors.Is(err, eventual.ErrTimeout) {
		t.Errorf("%v", err)
	}
	// A Deferred that fires later.
	later := eventual.NewDeferred[int](nil)
	r.CallLater(time.Millisecond, func() { _ = later.Callback(4) })
	if v, err := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] { return later }).WaitContext(ctx); v != 4 || err != nil {
		t.Errorf("a Deferred: %d, %v", v, err)
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := reactor.BlockingCallFromThread(short, r, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestReactor_R10_Deferreds(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	ctx := context.Background()
	var fire *eventual.Deferred[int]
	res := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] {
		fire = eventual.NewDeferred[int](nil)
		return fire
	})
	on(t, r, func() { _ = fire.Callback(6) })
	if v := wait(t, res); v != 6 {
		t.Errorf("%d", v)
	}
	for name, fn := range map[string]func(context.Context) *eventual.Deferred[int]{
		"failure": func(context.Context) *eventual.Deferred[int] { return eventual.Fail[int](errBoom) },
		"panic":   func(context.Context) *eventual.Deferred[int] { panic(errBoom) },
	} {
		if _, err := reactor.RunDeferred(ctx, r, fn).Wait(soon); !errors.Is(err, errBoom) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] { return nil }).Wait(soon); err == nil {
		t.Error("a nil Deferred is no error")
	}
	refused := make(chan error, 1)
	began := make(chan struct{})
	res = reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] {
		defer close(began)
		return eventual.NewDeferred(func(*eventual.Deferred[int]) {
			pending, _ := eventual.New[int](nil)
			_, err := pending.Wait(time.Hour)
			refused <- err
		})
	})
	<-began
	res.Cancel()
	if err := <-refused; !errors.Is(err, eventual.ErrWaitInReactor) {
		t.Errorf("the canceller did not run on the reactor: %v", err)
	}
	if _, err := res.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
	back, settle := eventual.New[int](nil)
	d := reactor.Deferred(r, back)
	onReactor := make(chan error, 1)
	d.AddCallback(func(v int) (int, error) {
		pending, _ := eventual.New[int](nil)
		_, err := pending.Wait(time.Hour)
		onReactor <- err
		return v, nil
	})
	settle(2, nil)
	if err := <-onReactor; !errors.Is(err, eventual.ErrWaitInReactor) {
		t.Errorf("fired elsewhere: %v", err)
	}
}

func TestReactor_E11_DeferredPendingAtStop(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	canceled := false
	res := reactor.RunDeferred(context.Background(), r, func(context.Context) *eventual.Deferred[int] {
		return eventual.NewDeferred(func(*eventual.Deferred[int]) { canceled = true })
	})
	on(t, r, func() {})
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := res.Wait(0); !errors.Is(err, eventual.ErrStopped) || !canceled {
		t.Errorf("%v, canceller ran: %v", err, canceled)
	}
}
