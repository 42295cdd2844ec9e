package reactor_test

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/reactor"
)

func TestReactor_Stats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{Name: "s", StallThreshold: -1})
		if s := r.Stats(); s.State != "created" || s.Name != "s" {
			t.Errorf("%+v", s)
		}
		for range 5 {
			_ = r.Call(func() {})
		}
		if s := r.Stats(); s.Queued != 5 {
			t.Errorf("%d queued", s.Queued)
		}
		r.Start()
		for range 100 {
			r.CallLater(time.Second, func() { time.Sleep(10 * time.Millisecond) })
		}
		r.CallLater(time.Hour, func() {})
		co := reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) { return 0, co.Sleep(time.Hour) })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s := r.Stats()
		if s.State != "running" || s.Queued != 0 || s.QueuedMax < 5 || s.Timers != 2 || s.Coroutines != 1 || s.Callbacks < 105 {
			t.Errorf("%+v", s)
		}
		if s.Uptime != 2*time.Second || s.Busy < 0.45 || s.Busy > 0.55 {
			t.Errorf("busy %v of %v, want one second of two", s.Busy, s.Uptime)
		}
		// A hundred calls were due at once and took 10 ms each.
		if s.Lag.Max < 900*time.Millisecond || s.Lag.P50 < 300*time.Millisecond || s.Lag.P50 > 700*time.Millisecond {
			t.Errorf("lag %+v", s.Lag)
		}
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		_, _ = co.Wait(0)
		if s := r.Stats(); s.State != "stopped" || s.Timers != 0 || s.Coroutines != 0 {
			t.Errorf("after Stop: %+v", s)
		}
	})
}

func TestReactor_TraceHasItsRegions(t *testing.T) {
	if trace.IsEnabled() {
		t.Fatal("a trace is being recorded already")
	}
	var out bytes.Buffer
	if err := trace.Start(&out); err != nil {
		t.Fatal(err)
	}
	r := startReactor(t, reactor.Config{Name: "traced-reactor"})
	profile := func() string {
		var b strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
		return b.String()
	}
	labelled := make(map[string]bool)
	look := func(what string) { labelled[what] = strings.Contains(profile(), `"reactor":"traced-reactor"`) }
	on(t, r, func() { look("call") })
	wait(t, reactor.DeferLater(context.Background(), r, time.Millisecond, func(context.Context) (int, error) { look("timer"); return 1, nil }))
	wait(t, reactor.Inline(context.Background(), r, func(co *reactor.Co) (int, error) {
		err := co.Yield()
		look("coroutine")
		return 1, err
	}))
	trace.Stop()
	for _, what := range []string{"call", "timer", "coroutine"} {
		if !labelled[what] {
			t.Errorf("a %s has no pprof label", what)
		}
	}
	for _, want := range []string{"traced-reactor: ", "TestReactor_TraceHasItsRegions.func"} {
		if !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("the trace does not have %q", want)
		}
	}
}

// TestReactor_StatsUnderLoad asks a reactor that never sleeps, and one that has
// stopped.
func TestReactor_StatsUnderLoad(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	stop := false
	var again func()
	again = func() {
		if !stop {
			_ = r.Call(again)
		}
	}
	if err := r.Call(again); err != nil {
		t.Fatal(err)
	}
	for r.Stats().Callbacks < 10_000 {
		runtime.Gosched()
	}
	on(t, r, func() { stop = true })
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := r.Stats()
	time.Sleep(2 * time.Millisecond)
	if after := r.Stats(); after != before || after.Busy == 0 {
		t.Errorf("it goes on being busy after its end: %+v, then %+v", before, after)
	}
}

// TestReactor_Soak runs everything at once for as long as TRESTLE_SOAK says, such
// as 1m; without it for half a second.
func TestReactor_Soak(t *testing.T) {
	length := 500 * time.Millisecond
	if s := os.Getenv("TRESTLE_SOAK"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatalf("TRESTLE_SOAK: %v", err)
		}
	}
	r := startReactor(t, reactor.Config{StallThreshold: -1})
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				soakRound(t, r)
			}
		})
	}
	wg.Wait()
	on(t, r, func() {}) // the last coroutine's turn is over, not only its result told
	if s := r.Stats(); s.Timers != 0 || s.Coroutines != 0 || s.Queued != 0 || s.Panics != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

func soakRound(t *testing.T, r *reactor.Reactor) {
	ctx := context.Background()
	co := reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) {
		v, err := reactor.Await(co, reactor.DeferLater(ctx, r, time.Microsecond, one))
		if err == nil {
			err = co.Yield()
		}
		return v, err
	})
	gone := reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) { return 0, co.Sleep(time.Hour) })
	later := r.CallLater(time.Hour, func() { t.Error("ran") })
	later.Delay(time.Minute)
	if v, err := reactor.WaitFor(ctx, r, soon, one); v != 1 || err != nil {
		t.Errorf("WaitFor: %v, %v", v, err)
	}
	if v, err := co.Wait(soon); v != 1 || err != nil {
		t.Errorf("coroutine: %v, %v", v, err)
	}
	gone.Cancel()
	if _, err := gone.Wait(soon); err == nil {
		t.Error("a cancelled coroutine succeeded")
	}
	if !later.Cancel() {
		t.Error("Cancel says no")
	}
}
