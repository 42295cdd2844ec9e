package eventual_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/trestle-go/trestle/eventual"
)

// reports collects unhandled failures.
type reports struct {
	mu  sync.Mutex // guards got
	got []error
}

// watchReports has r told of the failures that t makes, and not of those that tests
// before it have left behind.
func watchReports(t *testing.T) *reports {
	t.Helper()
	settleReports(t)
	r := new(reports)
	t.Cleanup(eventual.OnUnhandled(func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, err)
	}))
	return r
}

// settleReports waits until what earlier tests have left behind was reported: it
// makes failures of its own, which are found with it or after it.
func settleReports(t *testing.T) {
	t.Helper()
	last := errors.New("the last of the tests before")
	var told atomic.Int32
	defer eventual.OnUnhandled(func(err error) {
		if errors.Is(err, last) {
			told.Add(1)
		}
	})()
	for n := range int32(2) { // what a first report held may be found by the second collection
		func() { eventual.Failed[int](last) }()
		collect(t, func() bool { return told.Load() == n+1 })
	}
}

func (r *reports) count(text string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.got {
		if strings.Contains(err.Error(), text) {
			n++
		}
	}
	return n
}

func failing(text string) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { return 0, errors.New(text) }
}

func TestEventual_E10_UnhandledFailuresAreReportedOnce(t *testing.T) {
	seen := watchReports(t)
	var late func(int, error) bool
	func() {
		<-eventual.Go(context.Background(), failing("never waited")).Done()

		r, settle := eventual.New[int](nil)
		_, _ = r.Wait(time.Millisecond)
		settle(0, errors.New("only wait timed out"))

		_, late = eventual.New[int](nil)
	}()
	runtime.GC()
	late(0, errors.New("nobody is left"))
	late = nil
	for _, text := range []string{"never waited", "only wait timed out", "nobody is left"} {
		collect(t, func() bool { return seen.count(text) > 0 })
	}
	for range 3 {
		runtime.GC()
	}
	for _, text := range []string{"never waited", "only wait timed out", "nobody is left"} {
		if n := seen.count(text); n != 1 {
			t.Errorf("%q was reported %d times", text, n)
		}
	}
	if seen.count("unhandled_test.go:") == 0 {
		t.Errorf("where the work came from is not said: %v", seen.got)
	}
}

func TestEventual_E10_WhatSomebodySawIsNotReported(t *testing.T) {
	seen := watchReports(t)
	canary := make(chan struct{})
	func() {
		_, _ = eventual.Failed[int](errors.New("seen: waited")).Wait(0)
		_, _ = eventual.Failed[int](errors.New("seen: peeked")).Peek()
		_, _ = eventual.Go(context.Background(), failing("seen: blocked")).Wait(soon)
		_, _ = eventual.All(eventual.Failed[int](errors.New("seen: in All"))).Wait(0)
		_, _ = eventual.Settle(eventual.Failed[int](errors.New("seen: in Settle"))).Wait(0)
		_, _ = eventual.First(eventual.Failed[int](errors.New("seen: in First"))).Wait(0)
		_, _ = eventual.Map(eventual.Failed[int](errors.New("seen: in Map")), func(int) int { return 0 }).Wait(0)
		cancelled := eventual.Go(context.Background(), func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, errors.New("seen: cancelled by its holder")
		})
		cancelled.Cancel()
		<-cancelled.Done()
		runtime.AddCleanup(new([64]byte), func(struct{}) { close(canary) }, struct{}{})
	}()
	collect(t, func() bool {
		select {
		case <-canary:
			return true
		default:
			return false
		}
	})
	for range 3 {
		runtime.GC()
	}
	if n := seen.count("seen: "); n != 0 {
		t.Errorf("%d reported", n)
	}
}

func TestEventual_E10_TheNewestHookIsCalled(t *testing.T) {
	older, newer := watchReports(t), new(reports)
	restore := eventual.OnUnhandled(func(err error) {
		newer.mu.Lock()
		defer newer.mu.Unlock()
		newer.got = append(newer.got, err)
	})
	func() { eventual.Failed[int](errors.New("to the newer")) }()
	collect(t, func() bool { return newer.count("to the newer") == 1 })
	restore()
	func() { eventual.Failed[int](errors.New("to the older")) }()
	collect(t, func() bool { return older.count("to the older") == 1 })
}

// gone says when v has become garbage.
func gone[T any](v *T) <-chan struct{} {
	c := make(chan struct{})
	runtime.AddCleanup(v, func(struct{}) { close(c) }, struct{}{})
	return c
}

func waitGone(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	t.Log("waiting for the end of", what)
	collect(t, func() bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	})
}

func TestEventual_E14_NothingIsKeptAlive(t *testing.T) {
	var pending, inCombinator, input <-chan struct{}
	func() {
		r, _ := eventual.New[int](nil)
		_, _ = r.Wait(time.Millisecond)
		r.Done()
		pending = gone(r)
		a, _ := eventual.New[int](nil)
		inCombinator, input = gone(eventual.All(a, eventual.Of(1))), gone(a)
	}()
	waitGone(t, "a pending result", pending)
	waitGone(t, "an abandoned combinator", inCombinator)
	waitGone(t, "its pending member", input)
}

func TestEventual_E14_ADoneResultKeepsOnlyItsValue(t *testing.T) {
	type big struct{ _ [1 << 10]byte }
	var captured, value <-chan struct{}
	var cancelled, exited <-chan struct{}
	results := func() []any {
		b, v, c, e := new(big), new(big), new(big), new(big)
		captured, value, cancelled, exited = gone(b), gone(v), gone(c), gone(e)
		ctx := context.WithValue(context.Background(), key{}, v)
		r := eventual.Go(ctx, func(context.Context) (int, error) { _ = b; return 1, nil })
		_, _ = r.Wait(soon)
		x := eventual.Go(ctx, func(context.Context) (int, error) { defer func() { _ = e }(); runtime.Goexit(); return 1, nil })
		_, _ = x.Wait(soon)
		n, settle := eventual.New[int](func() { _ = c })
		settle(1, nil)
		return []any{r, x, n}
	}()
	waitGone(t, "what the function captured", captured)
	waitGone(t, "what a function that ended with Goexit captured", exited)
	waitGone(t, "a value of the caller's ctx", value)
	waitGone(t, "what the cancel function captured", cancelled)
	runtime.KeepAlive(results)
}

// TestDeferred_E14_ADoneDeferredKeepsOnlyItsValue: not the Deferreds that it came
// from, nor what their callbacks and cancellers refer to.
func TestDeferred_E14_ADoneDeferredKeepsOnlyItsValue(t *testing.T) {
	type big struct{ _ [1 << 10]byte }
	ends := map[string]<-chan struct{}{}
	kept := func() []any {
		held := func(name string) *big {
			b := new(big)
			ends[name] = gone(b)
			return b
		}
		cb, canceller, f, inner := held("callback"), held("canceller"), held("function of Chain"), held("inner canceller")
		d := eventual.NewDeferred(func(*eventual.Deferred[int]) { _ = canceller })
		d.AddCallback(func(v int) (int, error) { _ = cb; return v, nil })
		in := eventual.NewDeferred(func(*eventual.Deferred[int]) { _ = inner })
		out := eventual.ThenDeferred(eventual.Chain(d, func(int) *eventual.Deferred[int] { _ = f; return in }), plus(1))
		res := out.Result()
		ends["first Deferred"], ends["inner Deferred"] = gone(d), gone(in)
		_ = d.Callback(1)
		_ = in.Callback(2)
		if v, err := res.Wait(0); v != 3 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
		return []any{out, res}
	}()
	for name, c := range ends {
		waitGone(t, name, c)
	}
	runtime.KeepAlive(kept)
}

func TestEventual_PendingResultIsSmall(t *testing.T) {
	const n = 20_000
	measure := func(make func() any) uint64 {
		kept := makeSlice(n)
		var before, after runtime.MemStats
		settleReports(t) // what is there no more must not be counted as having been there
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range kept {
			kept[i] = make()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(kept)
		return (after.HeapAlloc - before.HeapAlloc) / n
	}
	ctx := context.Background()
	value := uint64(unsafe.Sizeof(int(0)))
	for name, size := range map[string]uint64{
		"of New":         measure(func() any { r, _ := eventual.New[int](nil); return r }),
		"of a component": measure(func() any { return newJob(ctx, nil) }),
	} {
		if size > 128+value {
			t.Errorf("a pending result %s takes %d bytes", name, size)
		}
		t.Logf("%s: %d bytes", name, size)
	}
}

func makeSlice(n int) []any { return make([]any, n) }

func TestEventual_E15_Stash(t *testing.T) {
	var s eventual.Stash[int]
	r := eventual.Of(5)
	id, err := s.Put(r)
	if err != nil || len(id) < 22 {
		t.Fatalf("%q, %v", id, err)
	}
	other, _ := s.Put(r)
	if id == other {
		t.Error("the same id twice")
	}
	if got, err := s.Retrieve(id); got != r || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, id := range []string{id, "", "nonsense"} {
		if _, err := s.Retrieve(id); !errors.Is(err, eventual.ErrUnknownID) || errors.Is(err, eventual.ErrExpiredID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	mine, _ := s.PutFor("ann", r)
	if _, err := s.RetrieveFor("bob", mine); !errors.Is(err, eventual.ErrUnknownID) {
		t.Errorf("somebody else's: %v", err)
	}
	if got, err := s.RetrieveFor("ann", mine); got != r || err != nil {
		t.Errorf("her own: %v, %v", got, err)
	}
	if _, err := s.Put(nil); err == nil {
		t.Error("nil was stashed")
	}
}

func TestEventual_E15_StashCap(t *testing.T) {
	s := eventual.Stash[int]{Max: 3}
	pending, settle := eventual.New[int](nil)
	first, _ := s.Put(pending)
	second, _ := s.Put(eventual.Of(2))
	third, _ := s.Put(eventual.Of(3))
	settle(1, nil) // the last to end
	fourth, err := s.Put(eventual.Of(4))
	if err != nil || s.Len() != 3 {
		t.Fatalf("%v, %d held", err, s.Len())
	}
	if _, err := s.Retrieve(second); !errors.Is(err, eventual.ErrExpiredID) || !errors.Is(err, eventual.ErrUnknownID) {
		t.Errorf("the oldest finished: %v", err)
	}
	for _, id := range []string{first, third, fourth} {
		if _, err := s.Retrieve(id); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		p, _ := eventual.New[int](nil)
		if _, err := s.Put(p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Put(eventual.Of(1)); !errors.Is(err, eventual.ErrStashFull) {
		t.Errorf("full of pending ones: %v", err)
	}
}

func TestEventual_E15_StashClose(t *testing.T) {
	seen := watchReports(t)
	var s eventual.Stash[int]
	failed := eventual.Failed[int](errors.New("still stashed"))
	looked := eventual.Failed[int](errors.New("looked at"))
	_, _ = looked.Wait(0)
	canceled := false
	pending, _ := eventual.New[int](func() { canceled = true })
	for _, r := range []*eventual.Result[int]{failed, looked, pending, eventual.Of(1)} {
		if _, err := s.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s.Close()
	if seen.count("still stashed") != 1 || seen.count("looked at") != 0 || !canceled {
		t.Errorf("reported %v, cancelled %v", seen.got, canceled)
	}
	if _, err := s.Put(eventual.Of(1)); !errors.Is(err, eventual.ErrStashClosed) {
		t.Errorf("after Close: %v", err)
	}
	runtime.KeepAlive(failed)
}

func ExampleStash() {
	var s eventual.Stash[string]
	id, _ := s.Put(eventual.Of("report")) // the request that began the work

	r, err := s.Retrieve(id) // the one that comes back for it
	v, _ := r.Wait(0)
	fmt.Println(v, err)
	_, err = s.Retrieve(id)
	fmt.Println(err)
	// Output:
	// report <nil>
	// eventual: unknown id
}
