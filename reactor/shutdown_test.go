package reactor_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/reactor"
)

// TestReactor_R12_GoexitOfThoseWhoAreToldOfTheStop has every party that is told
// end the goroutine that tells it: all the others are told none the less.
func TestReactor_R12_GoexitOfThoseWhoAreToldOfTheStop(t *testing.T) {
	r := reactor.New(reactor.Config{Logger: quiet()})
	ctx := context.Background()
	var all []*eventual.Result[int]
	keep := func(res *eventual.Result[int]) {
		res.OnDone(runtime.Goexit)
		all = append(all, res)
	}
	for range 5 {
		keep(reactor.DeferLater(ctx, r, time.Hour, one))
		keep(reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] {
			return eventual.NewDeferred(func(*eventual.Deferred[int]) { runtime.Goexit() })
		}))
		keep(reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) { return 1, co.Sleep(time.Hour) }))
	}
	r.Start()
	on(t, r, func() {
		for range 5 {
			keep(reactor.RunInReactor(ctx, r, one)) // behind the one that stops
		}
		_ = r.Stop(ctx)
	})
	if err := r.Stop(ctx); err != nil {
		t.Error(err)
	}
	for i, res := range all {
		if _, err := res.Wait(0); err != nil && !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestReactor_R05_ABeforeTriggerWaitsForADeferred(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	closed := eventual.NewDeferred[int](nil)
	var order []string
	r.OnShutdown(reactor.Before, func(context.Context) error { order = append(order, "rest"); return nil })
	r.OnShutdown(reactor.Before, func(ctx context.Context) error {
		if err := r.Call(func() { r.CallLater(time.Millisecond, func() { _ = closed.Callback(1) }) }); err != nil {
			return err
		}
		_, err := closed.Result().WaitContext(ctx)
		order = append(order, "closed")
		return err
	})
	if err := r.Stop(context.Background()); err != nil || strings.Join(order, " ") != "closed rest" {
		t.Errorf("%v, %v", err, order)
	}
}

func TestReactor_R05_StopErrorNamesTheTrigger(t *testing.T) {
	r := reactor.New(reactor.Config{Name: "hung", Logger: quiet()})
	r.Start()
	begun, release := make(chan struct{}), make(chan struct{})
	r.OnShutdown(reactor.Before, func(context.Context) error { close(begun); <-release; return nil })
	stopping := make(chan error, 1)
	go func() { stopping <- r.Stop(context.Background()) }() // ends when the trigger is released
	<-begun
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	err := r.Stop(ended)
	stop, ok := errors.AsType[*eventual.StopError](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	run := stop.Running[0]
	if run.Name != "shutdown trigger of phase before" || !strings.Contains(run.Submitted, "shutdown_test.go") || !strings.Contains(run.Stack, "TestReactor_R05") {
		t.Errorf("%+v", run)
	}
	close(release)
	if err := <-stopping; err != nil {
		t.Error(err)
	}
}

// TestReactor_R05_TheErrorOfATriggerGivenUpNamesIt.
func TestReactor_R05_TheErrorOfATriggerGivenUpNamesIt(t *testing.T) {
	r := reactor.New(reactor.Config{Name: "hung", Logger: quiet()})
	release := make(chan struct{})
	defer close(release)
	r.OnShutdown(reactor.Before, func(context.Context) error { <-release; return nil })
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_ = r.Stop(ctx) // which gives the trigger up, and so may this call
	if err := r.Stop(context.Background()); err == nil || !strings.Contains(err.Error(), "shutdown_test.go") {
		t.Errorf("%v", err)
	}
}

func TestReactor_R05_TooLateIsLogged(t *testing.T) {
	log := new(logtest.Log)
	r := reactor.New(reactor.Config{Logger: log.Logger()})
	ran := false
	r.OnShutdown(reactor.During, func(context.Context) error {
		r.OnShutdown(reactor.Before, func(context.Context) error { t.Error("ran"); return nil })
		r.OnShutdown(reactor.After, func(context.Context) error { ran = true; return nil })
		return nil
	})
	if err := r.Stop(context.Background()); err != nil || !ran || !strings.Contains(log.String(), "phase=before") {
		t.Errorf("%v, After ran %v, %s", err, ran, log)
	}
}

func TestReactor_R03_Stop(t *testing.T) {
	t.Run("twice, and from a callback", func(t *testing.T) {
		r := reactor.New(reactor.Config{})
		r.Start()
		wait(t, reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) {
			return 1, r.Stop(context.Background())
		}))
		for range 2 {
			if err := r.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("without having run", func(t *testing.T) {
		r := reactor.New(reactor.Config{})
		res := reactor.RunInReactor(context.Background(), r, one)
		later := reactor.DeferLater(context.Background(), r, time.Hour, one)
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		for _, res := range []*eventual.Result[int]{res, later} {
			if _, err := res.Wait(0); !errors.Is(err, eventual.ErrStopped) {
				t.Errorf("pending result: %v", err)
			}
		}
	})
	t.Run("during a long callback", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := reactor.New(reactor.Config{Name: "slow", StallThreshold: -1})
			r.Start()
			running := reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) {
				time.Sleep(time.Minute)
				return 7, nil
			})
			behind := reactor.RunInReactor(context.Background(), r, one)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			time.Sleep(time.Millisecond)
			err := r.Stop(ctx)
			var stop *eventual.StopError
			if !errors.As(err, &stop) || len(stop.Running) != 1 || !strings.Contains(stop.Running[0].Stack, "TestReactor_R03") {
				t.Errorf("Stop: %v, %+v", err, stop)
			} else if s := stop.Running[0].Submitted; !strings.Contains(s, "TestReactor_R03_Stop.func") || !strings.Contains(s, " (shutdown_test.go:") {
				t.Errorf("submitted as %q", s)
			}
			if _, err := behind.Wait(0); !errors.Is(err, eventual.ErrStopped) {
				t.Errorf("queued behind it: %v", err)
			}
			if err := r.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			if v, err := running.Wait(0); v != 7 || err != nil {
				t.Errorf("the callback that ran: %v, %v", v, err)
			}
		})
	})
}

func TestReactor_R05_ShutdownTriggers(t *testing.T) {
	r := reactor.New(reactor.Config{Logger: quiet()})
	r.Start()
	var order []string
	note := func(s string, err error) func(context.Context) error {
		return func(context.Context) error { order = append(order, s); return err }
	}
	boom := errors.New("boom")
	release := make(chan struct{})
	r.OnShutdown(reactor.After, note("after", nil))
	r.OnShutdown(reactor.During, note("during1", nil))
	r.OnShutdown(reactor.During, note("during2", nil))
	r.OnShutdown(reactor.Before, note("before1", nil))
	r.OnShutdown(reactor.Before, note("before2", boom))
	r.OnShutdown(reactor.Before, func(context.Context) error { panic("bang") })
	r.OnShutdown(reactor.Before, func(ctx context.Context) error {
		<-release // the reactor still works meanwhile
		order = append(order, "waited")
		return r.Stop(ctx) // from a trigger: returns at once
	})
	remove := r.OnShutdown(reactor.Before, note("removed", nil))
	remove()
	stopping := make(chan error)
	go func() { stopping <- r.Stop(context.Background()) }()
	for r.Stats().State != "stopping" {
		runtime.Gosched()
	}
	on(t, r, func() {})
	close(release)
	err := <-stopping
	var p *eventual.PanicError
	if !errors.Is(err, boom) || !errors.As(err, &p) {
		t.Errorf("Stop: %v", err)
	}
	if want := []string{"waited", "before2", "before1", "during1", "during2", "after"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

func TestReactor_R05_TriggerThatIgnoresItsCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{Logger: quiet()})
		r.Start()
		block := make(chan struct{})
		r.OnShutdown(reactor.Before, func(context.Context) error { <-block; return nil })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := r.Stop(ctx); err == nil {
			t.Error("Stop said that all went well")
		}
		<-r.Done()
		if err := r.Call(func() {}); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("Call: %v", err)
		}
		close(block)
	})
}

// TestReactor_R05_OneThatUsesUpTheTime, and one that never returns, keep none of the
// others from being called.
func TestReactor_R05_OneThatUsesUpTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{Logger: quiet(), StopTimeout: time.Second})
		r.Start()
		var called []string
		closes := func(name string) func(context.Context) error {
			return func(ctx context.Context) error {
				time.Sleep(time.Millisecond) // does not look at its ctx
				called = append(called, name)
				return ctx.Err()
			}
		}
		release := make(chan struct{})
		r.OnShutdown(reactor.Before, closes("before"))
		r.OnShutdown(reactor.Before, func(context.Context) error { <-release; return nil })
		r.OnShutdown(reactor.During, closes("during"))
		r.OnShutdown(reactor.During, func(context.Context) error { <-release; return nil })
		r.OnShutdown(reactor.After, closes("after"))
		begun := time.Now()
		if err := r.Stop(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if got := strings.Join(called, " "); got != "before during after" {
			t.Errorf("called: %s", got)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		close(release)
	})
}

func TestReactor_E11_StopEndsEveryPendingResult(t *testing.T) {
	r := reactor.New(reactor.Config{Logger: quiet()})
	r.Start()
	block := make(chan struct{})
	entered := make(chan struct{})
	first := reactor.RunInReactor(context.Background(), r, func(ctx context.Context) (int, error) {
		close(entered)
		<-block
		return 1, nil
	})
	<-entered
	pending := []*eventual.Result[int]{
		reactor.RunInReactor(context.Background(), r, one),
		reactor.DeferLater(context.Background(), r, time.Hour, one),
		reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { return 1, co.Sleep(time.Hour) }),
	}
	var wg sync.WaitGroup
	for _, res := range pending {
		for range 3 {
			wg.Go(func() {
				if _, err := res.Wait(soon); !errors.Is(err, eventual.ErrStopped) {
					t.Errorf("waiter: %v", err)
				}
			})
		}
	}
	stop := make(chan error)
	go func() { stop <- r.Stop(context.Background()) }()
	for r.Call(func() {}) == nil {
		runtime.Gosched()
	}
	close(block)
	if err := <-stop; err != nil {
		t.Error(err)
	}
	wg.Wait()
	if v := wait(t, first); v != 1 {
		t.Errorf("result of what ran: %d", v)
	}
	if _, err := reactor.RunInReactor(context.Background(), r, one).Wait(0); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("submitted afterwards: %v", err)
	}
}

// TestReactor_R05_WhatEachPhaseFinds: before, all works; during, nothing new is
// accepted and the ctx of work is done; after, all has ended.
func TestReactor_R05_WhatEachPhaseFinds(t *testing.T) {
	log := new(logtest.Log)
	r := reactor.New(reactor.Config{Name: "phases", Logger: log.Logger()})
	r.Start()
	var workCtx context.Context
	pending := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		workCtx = co.Context()
		return 0, co.Sleep(time.Hour)
	})
	on(t, r, func() {})
	var seen []string
	phase := func(p reactor.Phase, f func(ctx context.Context) error) {
		r.OnShutdown(p, func(ctx context.Context) error {
			seen = append(seen, p.String())
			return f(ctx)
		})
	}
	phase(reactor.Before, func(ctx context.Context) error {
		v, err := reactor.RunInReactor(ctx, r, one).WaitContext(ctx)
		if v != 1 || err != nil || workCtx.Err() != nil {
			t.Errorf("before: %d, %v, the ctx of work: %v", v, err, workCtx.Err())
		}
		return errBoom
	})
	phase(reactor.During, func(context.Context) error {
		if err := r.Call(func() {}); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("during: Call: %v", err)
		}
		if cause := context.Cause(workCtx); !errors.Is(cause, eventual.ErrStopped) {
			t.Errorf("during: the ctx of work: %v", cause)
		}
		panic("during bang")
	})
	phase(reactor.After, func(context.Context) error {
		if _, err := pending.Wait(0); !errors.Is(err, eventual.ErrStopped) || r.Stats().Coroutines != 0 {
			t.Errorf("after: %v, %+v", err, r.Stats())
		}
		return nil
	})
	if err := r.Stop(context.Background()); !errors.Is(err, errBoom) {
		t.Error(err)
	}
	if got := strings.Join(seen, " "); got != "before during after" {
		t.Errorf("ran %s", got)
	}
	for _, want := range []string{"phase=before", "boom", "phase=during", "during bang", "reactor=phases"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not have %q", want)
		}
	}
	if n := strings.Count(log.String(), "shutdown trigger failed"); n != 2 {
		t.Errorf("%d reports of 2", n)
	}
}

// TestReactor_R03_StopErrorNamesWhatHoldsTheReactor: the function that was handed
// over, whatever it was handed over as, and not what it calls.
func TestReactor_R03_StopErrorNamesWhatHoldsTheReactor(t *testing.T) {
	for name, hold := range map[string]func(r *reactor.Reactor, wait func()){
		"call":  func(r *reactor.Reactor, wait func()) { _ = r.Call(func() { wait() }) },
		"timer": func(r *reactor.Reactor, wait func()) { r.CallLater(0, func() { wait() }) },
		"callback": func(r *reactor.Reactor, wait func()) {
			reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { wait(); return 1, nil })
		},
		"coroutine": func(r *reactor.Reactor, wait func()) {
			reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { _ = co.Yield(); wait(); return 1, nil })
		},
		"deferred": func(r *reactor.Reactor, wait func()) {
			reactor.RunDeferred(context.Background(), r, func(context.Context) *eventual.Deferred[int] {
				return eventual.Succeed(1).AddCallback(func(int) (int, error) { wait(); return 1, nil })
			})
		},
	} {
		r := reactor.New(reactor.Config{Logger: quiet(), StallThreshold: -1})
		r.Start()
		holding, release := make(chan struct{}), make(chan struct{})
		hold(r, func() { close(holding); <-release })
		<-holding
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		var stop *eventual.StopError
		if err := r.Stop(ctx); !errors.As(err, &stop) {
			t.Fatalf("%s: %v", name, err)
		}
		cancel()
		close(release)
		if s := stop.Running[0].Submitted; !strings.Contains(s, "NamesWhatHoldsTheReactor.func") || !strings.Contains(s, "(shutdown_test.go:") || strings.Count(s, "func") > 2 {
			t.Errorf("%s: %q", name, s)
		}
		if !strings.Contains(stop.Error(), " as ") {
			t.Errorf("%s: %v", name, stop)
		}
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestReactor_R03_WhatIsQueuedDoesNotBegin: once the reactor refuses work, what it had
// accepted before is refused as well, although the loop goes on.
func TestReactor_R03_WhatIsQueuedDoesNotBegin(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	begun, release := make(chan struct{}), make(chan struct{})
	if err := r.Call(func() { close(begun); <-release }); err != nil {
		t.Fatal(err)
	}
	<-begun
	var queued []*eventual.Result[int]
	for _, ctx := range []context.Context{context.Background(), t.Context()} {
		queued = append(queued, reactor.RunInReactor(ctx, r, func(context.Context) (int, error) {
			t.Error("it has begun")
			return 0, nil
		}))
	}
	r.OnShutdown(reactor.During, func(ctx context.Context) error {
		close(release)
		for _, res := range queued {
			if _, err := res.WaitContext(ctx); !errors.Is(err, eventual.ErrStopped) {
				t.Errorf("%v", err)
			}
		}
		return nil
	})
	if err := r.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
