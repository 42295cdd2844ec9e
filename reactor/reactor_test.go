package reactor_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/reactor"
)

func TestReactor_R01_FIFOPerCallerOneAtATime(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	const callers, calls = 16, 500
	got := make([][]int, callers)
	inside := 0
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range calls {
				if err := r.Call(func() {
					if inside++; inside != 1 {
						t.Error("two callbacks at once")
					}
					got[c] = append(got[c], i)
					if i%97 == 0 {
						runtime.Gosched()
					}
					inside--
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	on(t, r, func() {
		for c := range got {
			if len(got[c]) != calls || !slices.IsSorted(got[c]) {
				t.Errorf("caller %d: %d calls, sorted %v", c, len(got[c]), slices.IsSorted(got[c]))
			}
		}
	})
}

func TestReactor_R01_Outcomes(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	ctx := context.Background()
	boom := errors.New("boom")
	if v := wait(t, reactor.RunInReactor(ctx, r, one)); v != 1 {
		t.Errorf("value: %d", v)
	}
	if _, err := reactor.RunInReactor(ctx, r, func(context.Context) (int, error) { return 0, boom }).Wait(soon); err != boom { //nolint:errorlint // the very error
		t.Errorf("error: %v", err)
	}
	_, err := reactor.RunInReactor(ctx, r, explode).Wait(soon)
	var p *eventual.PanicError
	if !errors.As(err, &p) || p.Value != "bang" || !bytes.Contains(p.Stack, []byte("explode")) {
		t.Errorf("panic: %v", err)
	}
	if _, err := reactor.RunInReactor[int](ctx, r, nil).Wait(soon); err == nil || !strings.Contains(err.Error(), "nil function") {
		t.Errorf("nil function: %v", err)
	}
	if err := r.Call(nil); err == nil {
		t.Error("Call(nil) accepted")
	}
}

func explode(context.Context) (int, error) { panic("bang") }

func TestReactor_R02_StartTwiceStartsOnce(t *testing.T) {
	r := reactor.New(reactor.Config{})
	before := runtime.NumGoroutine()
	r.Start()
	r.Start()
	on(t, r, func() {})
	more := func() int { return runtime.NumGoroutine() - before }
	for end := time.Now().Add(soon); more() > 1 && time.Now().Before(end); { // others may be about to end
		runtime.Gosched()
	}
	if n := more(); n > 1 {
		t.Errorf("%d goroutines more", n)
	}
	if err := r.Run(context.Background()); err == nil {
		t.Error("Run after Start succeeded")
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	r.Start()
	if err := r.Call(func() {}); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("Call after Stop: %v", err)
	}
}

func TestReactor_R04_CallsBeforeStartRunAfterIt(t *testing.T) {
	r := reactor.New(reactor.Config{})
	res := reactor.RunInReactor(context.Background(), r, one)
	timed := reactor.DeferLater(context.Background(), r, 0, one)
	co := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { return 1, co.Yield() })
	if _, err := res.Wait(10 * time.Millisecond); !errors.Is(err, eventual.ErrTimeout) {
		t.Fatalf("before Start: %v", err)
	}
	r.Start()
	defer r.Stop(context.Background())
	if wait(t, res)+wait(t, timed)+wait(t, co) != 3 {
		t.Error("wrong values")
	}
}

func TestReactor_R12_PanicsAndGoexitEndOnlyThemselves(t *testing.T) {
	log := new(logtest.Log)
	r := startReactor(t, reactor.Config{Name: "p", Logger: log.Logger()})
	on(t, r, func() {})
	after := 0
	for _, f := range []func(){func() { panic("call bang") }, runtime.Goexit, func() { after++ }} {
		if err := r.Call(f); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []func(){func() { panic("timer bang") }, runtime.Goexit, func() { after++ }} {
		r.CallLater(0, f)
	}
	if _, err := reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) {
		runtime.Goexit()
		return 0, nil
	}).Wait(soon); !errors.Is(err, eventual.ErrGoexit) {
		t.Errorf("Goexit in RunInReactor: %v", err)
	}
	wait(t, reactor.DeferLater(context.Background(), r, time.Millisecond, one))
	on(t, r, func() {
		if after != 2 {
			t.Errorf("%d of 2 calls ran after the others ended", after)
		}
		if _, err := reactor.RunInReactor(context.Background(), r, one).Wait(time.Second); !errors.Is(err, eventual.ErrWaitInReactor) {
			t.Errorf("the goroutine that took over does not refuse waits: %v", err)
		}
	})
	for _, want := range []string{"call bang", "timer bang", "Goexit", "reactor=p", "(reactor_test.go:"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not have %q", want)
		}
	}
	if n := r.Stats().Panics; n != 2 {
		t.Errorf("%d panics counted", n)
	}
}

func TestReactor_R13_StallIsReportedWhileItStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const threshold = 20 * time.Millisecond
		log := new(logtest.Log)
		r := startReactor(t, reactor.Config{Logger: log.Logger(), StallThreshold: threshold})
		release := make(chan struct{})
		if err := r.Call(func() { holdUp(release) }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * threshold) // however long, it is the same stall
		if !strings.Contains(log.String(), "holdUp") {
			t.Errorf("not reported: %s", log)
		}
		close(release)
		on(t, r, func() {})
		if n := r.Stats().Stalls; n != 1 {
			t.Errorf("%d stalls counted", n)
		}
		// The same in a coroutine: the stack is the coroutine's.
		release = make(chan struct{})
		co := reactor.Inline(context.Background(), r, func(*reactor.Co) (int, error) { holdUpCo(release); return 1, nil })
		time.Sleep(10 * threshold)
		if !strings.Contains(log.String(), "holdUpCo") {
			t.Errorf("not reported: %s", log)
		}
		close(release)
		wait(t, co)
		// In a callback while a coroutine waits, it is the callback's again.
		waiting := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { return 1, co.Sleep(20 * threshold) })
		release = make(chan struct{})
		_ = r.Call(func() { holdUpAgain(release) })
		time.Sleep(10 * threshold)
		if !strings.Contains(log.String(), "holdUpAgain") {
			t.Errorf("not reported: %s", log)
		}
		close(release)
		wait(t, waiting)
		if n := r.Stats().Stalls; n != 3 {
			t.Errorf("%d stalls counted", n)
		}
	})
}

//go:noinline
func holdUpAgain(release chan struct{}) { <-release }

//go:noinline
func holdUp(release chan struct{}) { <-release }

//go:noinline
func holdUpCo(release chan struct{}) { <-release }

func TestReactor_R13_ManyShortCallbacksAreNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Log)
		r := startReactor(t, reactor.Config{Logger: log.Logger(), StallThreshold: 400 * time.Millisecond})
		done := make(chan struct{})
		var next func(n int)
		next = func(n int) {
			if n == 0 {
				close(done)
				return
			}
			_ = r.Call(func() { next(n - 1) })
			time.Sleep(10 * time.Millisecond) // the reactor never sleeps: there is always one more
		}
		_ = r.Call(func() { next(200) })
		<-done
		if n := r.Stats().Stalls; n != 0 {
			t.Errorf("%d stalls: %s", n, log)
		}
	})
}

func TestReactor_R16_StormLosesNone(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	const callers = 64
	each := 156_250 // ten million in all
	if raceEnabled || testing.Short() {
		each = 2_000
	}
	before := heapInUse()
	count := 0
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				if err := r.Call(func() { count++ }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	on(t, r, func() {
		if count != callers*each {
			t.Errorf("%d of %d calls", count, callers*each)
		}
	})
	shrinks(t, before) // the loop lets go when it sleeps, which may be later
}

// heapInUse is what is reachable, in bytes.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestReactor_E08_WaitIsRefusedOnTheReactorOnly(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	pending, settle := eventual.New[int](nil)
	finished := eventual.Of(3)
	deep := func() (err error) {
		var down func(n int)
		down = func(n int) {
			if n == 0 {
				_, err = pending.WaitContext(context.Background())
				return
			}
			down(n - 1)
		}
		down(20)
		return err
	}
	check := func(where string) {
		if err := deep(); !errors.Is(err, eventual.ErrWaitInReactor) {
			t.Errorf("%s: %v", where, err)
		}
		if v, err := finished.Wait(time.Second); v != 3 || err != nil {
			t.Errorf("%s: finished result: %v, %v", where, v, err)
		}
		if _, err := pending.Wait(0); !errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("%s: polling: %v", where, err)
		}
	}
	on(t, r, func() { check("callback") })
	wait(t, reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		check("coroutine")
		err := co.Yield()
		check("coroutine resumed")
		return 0, err
	}))
	// A goroutine that a callback starts is not the reactor's.
	var other *eventual.Result[int]
	on(t, r, func() {
		other = eventual.Go(context.Background(), func(context.Context) (int, error) { return pending.Wait(soon) })
	})
	settle(5, nil)
	if v := wait(t, other); v != 5 {
		t.Errorf("other goroutine: %d", v)
	}
}

func TestReactor_E09_CancelReachesTheWork(t *testing.T) {
	r := reactor.New(reactor.Config{})
	var ran atomic.Bool
	res := reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { ran.Store(true); return 1, nil })
	res.Cancel()
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("changed my mind")
	byCtx := reactor.RunInReactor(ctx, r, func(context.Context) (int, error) { ran.Store(true); return 1, nil })
	cancel(cause)
	r.Start()
	defer r.Stop(context.Background())
	if _, err := res.Wait(soon); !errors.Is(err, eventual.ErrCanceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := byCtx.Wait(soon); !errors.Is(err, cause) {
		t.Errorf("cancelled by ctx: %v", err)
	}
	if ran.Load() {
		t.Error("cancelled work ran")
	}
	began := make(chan struct{})
	running := reactor.RunInReactor(context.Background(), r, func(ctx context.Context) (int, error) {
		close(began)
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
	<-began
	running.Cancel()
	running.Cancel()
	for range 2 {
		if _, err := running.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("running: %v", err)
		}
		running.Cancel() // changes nothing any more
	}
}
