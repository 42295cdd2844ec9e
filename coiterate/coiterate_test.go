package coiterate_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 20 * time.Second // longer than any machine needs

var errBoom = errors.New("boom")

// byHand is a Cooperator on a reactor that the test pumps.
func byHand(t *testing.T, cfg coiterate.Config) (*reactortest.Reactor, *coiterate.Cooperator) {
	r := reactortest.New(t)
	c := coiterate.New(r.Reactor, cfg)
	t.Cleanup(func() {
		c.Stop()
		r.Pump()
		if s := c.Stats(); s.Live != 0 {
			t.Errorf("%d tasks live at the end", s.Live)
		}
	})
	return r, c
}

func TestCoiterate_C01_RunsToExhaustion(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	var got []int
	res := coiterate.Coiterate(t.Context(), c, func(yield func(int) bool) {
		for i := range 5 {
			got = append(got, i)
			if !yield(i) {
				return
			}
		}
	})
	if _, ok := res.Peek(); ok {
		t.Error("done before its turn")
	}
	r.Pump()
	if _, err := res.Wait(0); err != nil || !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
		t.Errorf("%v, %v", got, err)
	}
	for name, end := range map[string]struct {
		how  func(yield func(int, error) bool)
		want error
	}{
		"error":  {func(yield func(int, error) bool) { yield(0, errBoom); t.Log("left") }, errBoom},
		"panic":  {func(func(int, error) bool) { panic(errBoom) }, errBoom},
		"goexit": {func(yield func(int, error) bool) { yield(0, nil); runtime.Goexit() }, eventual.ErrGoexit},
	} {
		task := coiterate.Cooperate(t.Context(), c, iter.Seq2[int, error](end.how))
		first := task.WhenDone()
		r.Pump()
		for _, res := range []*eventual.Result[struct{}]{first, task.WhenDone()} {
			if _, err := res.Wait(0); !errors.Is(err, end.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := task.Stop(); !errors.Is(err, coiterate.ErrTaskFailed) {
			t.Errorf("%s: Stop after the end: %v", name, err)
		}
	}
}

func TestCoiterate_C02_PauseNests(t *testing.T) {
	r, c := byHand(t, coiterate.Config{StepsPerTurn: 1})
	n := 0
	var task *coiterate.Task
	task = coiterate.Cooperate(t.Context(), c, func(yield func(int, error) bool) {
		for yield(n, nil) {
			if n++; n%3 == 0 {
				_, _ = task.Pause(), task.Pause()
			}
		}
	})
	r.Pump()
	if n != 3 {
		t.Errorf("paused at step %d", n)
	}
	if err := task.Resume(); err != nil {
		t.Fatal(err)
	}
	if r.Pump(); n != 3 {
		t.Errorf("one Resume for two Pauses: at step %d", n)
	}
	if err := task.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := task.Resume(); !errors.Is(err, coiterate.ErrNotPaused) {
		t.Errorf("%v", err)
	}
	if r.Pump(); n != 6 {
		t.Errorf("resumed: at step %d", n)
	}
	if err := task.Stop(); err != nil {
		t.Error(err)
	}
}

func TestCoiterate_C02_PausedAndAsleepNeedsBoth(t *testing.T) {
	for _, wakeFirst := range []bool{true, false} {
		r, c := byHand(t, coiterate.Config{})
		d := eventual.NewDeferred[int](nil)
		woke := false
		task := coiterate.Cooperate(t.Context(), c, func(yield func(eventual.Pending, error) bool) {
			if yield(d, nil) {
				woke = true
			}
		})
		r.Pump()
		if err := task.Pause(); err != nil {
			t.Fatal(err)
		}
		acts := []func(){func() { _ = d.Callback(1) }, func() { _ = task.Resume() }}
		if !wakeFirst {
			slices.Reverse(acts)
		}
		acts[0]()
		r.Pump()
		if woke {
			t.Error("one of the two was enough")
		}
		acts[1]()
		r.Pump()
		if _, err := task.WhenDone().Wait(0); !woke || err != nil {
			t.Errorf("woke %v, %v", woke, err)
		}
		if err := task.Pause(); !errors.Is(err, coiterate.ErrTaskDone) {
			t.Errorf("%v", err)
		}
	}
}

func TestCoiterate_C03_Stop(t *testing.T) {
	for name, prepare := range map[string]func(*reactortest.Reactor, *coiterate.Task){
		"before it began": func(*reactortest.Reactor, *coiterate.Task) {},
		"asleep":          func(r *reactortest.Reactor, _ *coiterate.Task) { r.Pump() },
		"paused":          func(r *reactortest.Reactor, task *coiterate.Task) { r.Pump(); _ = task.Pause() },
	} {
		t.Run(name, func(t *testing.T) {
			r, c := byHand(t, coiterate.Config{})
			began, unwound := false, false
			task := coiterate.Cooperate(t.Context(), c, func(yield func(eventual.Pending, error) bool) {
				began = true
				defer func() { unwound = true }()
				yield(eventual.NewDeferred[int](nil), nil)
			})
			prepare(r, task)
			if err := task.Stop(); err != nil {
				t.Fatal(err)
			}
			r.Pump()
			if _, err := task.WhenDone().Wait(0); !errors.Is(err, coiterate.ErrTaskStopped) || unwound != began {
				t.Errorf("%v, began %v, unwound %v", err, began, unwound)
			}
			if err := task.Stop(); !errors.Is(err, coiterate.ErrTaskStopped) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

func TestCoiterate_C03_CancelAndCtx(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	res := coiterate.Run(t.Context(), c, func(y *coiterate.Yielder) (int, error) {
		return 0, y.Await(eventual.NewDeferred[int](nil))
	})
	r.Pump()
	res.Cancel()
	r.Pump()
	if _, err := res.Wait(0); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
	live := reactor.New(reactor.Config{})
	live.Start()
	defer live.Stop(context.Background())
	lc := coiterate.New(live, coiterate.Config{})
	defer lc.Stop()
	ctx, cancel := context.WithCancelCause(context.Background())
	endless := coiterate.Coiterate(ctx, lc, func(yield func(int) bool) {
		for yield(0) {
		}
	})
	cancel(errBoom)
	if _, err := endless.Wait(soon); !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
	// One that does not take no for an answer is ended all the same.
	stubborn := coiterate.Run(context.Background(), lc, func(y *coiterate.Yielder) (int, error) {
		for {
			_ = y.Yield()
		}
	})
	stubborn.Cancel()
	if _, err := stubborn.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
}

func TestCoiterate_C04_StrictAlternation(t *testing.T) {
	r, c := byHand(t, coiterate.Config{StepsPerTurn: 1})
	var order []int
	for id := range 3 {
		coiterate.Coiterate(t.Context(), c, func(yield func(int) bool) {
			for range 4 {
				order = append(order, id)
				if !yield(0) {
					return
				}
			}
		})
	}
	r.Pump()
	if want := []int{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}; !slices.Equal(order, want) {
		t.Errorf("%v", order)
	}
}

func TestCoiterate_C04_TheLoopStaysResponsive(t *testing.T) {
	r := reactor.New(reactor.Config{StallThreshold: -1})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{Slice: time.Hour}) // so that only the call can end it
	defer c.Stop()
	counts := make([]int, 20)
	for i := range counts {
		coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
			for yield(0) {
				counts[i]++
			}
		})
	}
	for range 200 {
		if _, err := reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { return 0, nil }).Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) {
		for i, n := range counts {
			if n == 0 {
				t.Errorf("task %d never ran", i)
			}
		}
		return 0, nil
	}).Wait(soon)
}

func TestCoiterate_C05_IdleSchedulesNothingAndStopEndsAll(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	res := coiterate.Coiterate(t.Context(), c, slices.Values([]int{1, 2}))
	r.Pump()
	if _, err := res.Wait(0); err != nil || r.Pending() != 0 || r.Pump() != 0 {
		t.Errorf("%v, %d calls pending", err, r.Pending())
	}
	asleep := coiterate.Run(t.Context(), c, func(y *coiterate.Yielder) (int, error) { return 0, y.Await(eventual.NewDeferred[int](nil)) })
	quick := coiterate.Coiterate(t.Context(), c, slices.Values([]int{1}))
	quick.OnDone(c.Stop)
	r.Pump()
	if _, err := asleep.Wait(0); !errors.Is(err, coiterate.ErrSchedulerStopped) || c.Running() {
		t.Errorf("%v, running %v", err, c.Running())
	}
	if _, err := coiterate.Coiterate(t.Context(), c, slices.Values([]int{1})).Wait(0); !errors.Is(err, coiterate.ErrSchedulerStopped) {
		t.Errorf("after Stop: %v", err)
	}
	c.Start()
	res = coiterate.Coiterate(t.Context(), c, slices.Values([]int{1}))
	r.Pump()
	if _, err := res.Wait(0); err != nil {
		t.Errorf("started again: %v", err)
	}
}

func TestCoiterate_C05_SchedulerThatHasStopped(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	c := coiterate.New(r, coiterate.Config{})
	d := eventual.NewDeferred[int](nil)
	began := make(chan struct{})
	unwound := make(chan struct{})
	res := coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (int, error) {
		defer close(unwound)
		close(began)
		return 0, y.Await(d)
	})
	<-began
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.Stop()
	<-unwound
	if _, err := res.Wait(soon); !errors.Is(err, coiterate.ErrSchedulerStopped) {
		t.Errorf("%v", err)
	}
}

func TestCoiterate_C05_SchedulerStopsFirst(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	c := coiterate.New(r, coiterate.Config{})
	began, unwound := make(chan struct{}), make(chan struct{})
	res := coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
		close(began)
		defer close(unwound)
		for yield(0) {
		}
	})
	<-began
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-unwound
	if _, err := res.Wait(soon); !errors.Is(err, coiterate.ErrSchedulerStopped) {
		t.Errorf("%v", err)
	}
}

func TestCoiterate_C06_ManyTasks(t *testing.T) {
	n := 100_000
	if raceEnabled {
		n = 2_000
	}
	r, c := byHand(t, coiterate.Config{StepsPerTurn: 1})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	total := 0
	gate := eventual.NewDeferred[int](nil)
	results := make([]*eventual.Result[int], n)
	for i := range results {
		results[i] = coiterate.Run(t.Context(), c, func(y *coiterate.Yielder) (int, error) {
			if err := y.Await(gate); err != nil {
				return 0, err
			}
			total++
			return i, y.Yield()
		})
	}
	r.Pump()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc + after.StackInuse - before.HeapAlloc - before.StackInuse) / uint64(n)
	if !raceEnabled && each > 7<<10 {
		t.Errorf("%d bytes a task", each)
	}
	t.Logf("%d bytes a task", each)
	_ = gate.Callback(1)
	r.Pump()
	if total != n {
		t.Errorf("%d of %d tasks ran", total, n)
	}
	for i, res := range results {
		if v, err := res.Wait(0); v != i || err != nil {
			t.Fatalf("%d, %v", v, err)
		}
	}
}

func TestCoiterate_WaitIsRefused(t *testing.T) {
	r, c := byHand(t, coiterate.Config{})
	pending, _ := eventual.New[int](nil)
	res := coiterate.Run(t.Context(), c, func(*coiterate.Yielder) (int, error) { return pending.Wait(time.Hour) })
	r.Pump()
	if _, err := res.Wait(0); !errors.Is(err, eventual.ErrWaitInReactor) {
		t.Errorf("%v", err)
	}
	if _, err := coiterate.Run[int](t.Context(), c, nil).Wait(0); err == nil {
		t.Error("nil function accepted")
	}
}

func TestCoiterate_Stress(t *testing.T) {
	r := reactor.New(reactor.Config{StallThreshold: -1})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{Slice: time.Millisecond})
	defer c.Stop()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				task := coiterate.Cooperate(context.Background(), c, func(yield func(int, error) bool) {
					for n := 0; n < 50 && yield(n, nil); n++ {
					}
				})
				_ = task.Pause()
				if (g+i)%3 == 0 {
					_ = task.Stop()
				}
				_ = task.Resume()
				if _, err := task.WhenDone().Wait(soon); err != nil && !errors.Is(err, coiterate.ErrTaskStopped) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); s.Live != 0 || s.Ended != 800 {
		t.Errorf("%+v", s)
	}
}

func ExampleCoiterate() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{})
	defer c.Stop()

	sum := 0
	res := coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
		for i := range 1000 {
			sum += i // on the reactor: no lock
			if !yield(i) {
				return
			}
		}
	})
	_, err := res.Wait(time.Second)
	fmt.Println(sum, err)
	// Output: 499500 <nil>
}
