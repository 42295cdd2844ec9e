package eventual_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/eventual"
)

// TestDeferred_D03_EveryLookIsUpToDate: what those who look find without a lock is
// never an outcome that the chain had before. Random operations, with looks between
// them, against the outcome that is kept beside.
func TestDeferred_D03_EveryLookIsUpToDate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := eventual.NewDeferred[int](nil)
		fired, paused, value := false, 0, 0
		waiting := 0 // links that were added while the chain stood still
		run := func() {
			if fired && paused == 0 {
				value += waiting
				waiting = 0
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"fire": func(*rapid.T) {
				if !fired {
					_ = d.Callback(0)
				}
				fired = true
				run()
			},
			"add":   func(*rapid.T) { d.AddCallback(plus(1)); waiting++; run() },
			"pause": func(*rapid.T) { d.Pause(); paused++ },
			"unpause": func(*rapid.T) {
				d.Unpause()
				paused = max(paused-1, 0)
				run()
			},
			"": func(t *rapid.T) {
				for range rapid.IntRange(1, 4).Draw(t, "looks") {
					o, ok := d.Peek()
					if want := fired && paused == 0; ok != want || ok && o.Value != value {
						t.Fatalf("%v, %v; want %v, %v", o, ok, value, want)
					}
				}
			},
		})
	})
}

// TestDeferred_D03_LooksWhileTheChainGoesOn: many look while others add, under the
// race detector; nobody sees a value go back, or one that was never an outcome.
func TestDeferred_D03_LooksWhileTheChainGoesOn(t *testing.T) {
	type pair struct{ a, b int } // torn if they differ
	d := eventual.Succeed(pair{})
	const links = 2000
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := 0
			for last < links {
				o, ok := d.Peek()
				switch {
				case !ok:
					runtime.Gosched()
				case o.Value.a != o.Value.b || o.Value.a < last || o.Err != nil:
					t.Errorf("%v after %d", o, last)
					return
				default:
					last = o.Value.a
				}
			}
		})
	}
	wg.Go(func() {
		for range links {
			d.AddCallback(func(p pair) (pair, error) { return pair{p.a + 1, p.b + 1}, nil })
			if p, ok := d.Peek(); !ok || p.Value.a == 0 {
				t.Errorf("%v, %v", p, ok)
			}
		}
	})
	wg.Wait()
}

// TestDeferred_D03_WhatWasLookedAtIsLetGo: a value that a later callback replaced is
// not kept for those who had looked.
func TestDeferred_D03_WhatWasLookedAtIsLetGo(t *testing.T) {
	collected := make(chan struct{})
	d := func() *eventual.Deferred[*[1 << 16]byte] {
		big := new([1 << 16]byte)
		runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, collected)
		d := eventual.Succeed(big)
		for range 3 {
			if o, ok := d.Peek(); !ok || o.Value != big {
				t.Error("not there")
			}
		}
		return d
	}()
	d.AddCallback(func(*[1 << 16]byte) (*[1 << 16]byte, error) { return nil, nil })
	for end := time.Now().Add(soon); ; {
		runtime.GC()
		select {
		case <-collected:
			runtime.KeepAlive(d)
			return
		default:
			if time.Now().After(end) {
				t.Fatal("kept")
			}
		}
	}
}

// TestDeferred_D09_LookingTwiceAtAFailure is looking at it; the next failure of the
// chain is another.
func TestDeferred_D09_LookingTwiceAtAFailure(t *testing.T) {
	seen := watchReports(t)
	func() {
		d := eventual.Fail[int](errors.New("looked at twice"))
		for range 3 {
			_, _ = d.Peek()
		}
		d.AddErrback(func(error) (int, error) { return 0, errors.New("the next one") })
	}()
	collect(t, func() bool { return seen.count("the next one") == 1 })
	if seen.count("looked at twice") != 0 {
		t.Error("reported all the same")
	}
}

// TestDeferred_OnDoneOfNothing is reported like any other function that panics, and
// those behind it are told.
func TestDeferred_OnDoneOfNothing(t *testing.T) {
	panics := 0
	defer eventual.OnPanic(func(*eventual.PanicError) { panics++ })()
	d := eventual.NewDeferred[int](nil)
	var told []int
	d.OnDone(nil)
	d.OnDone(func() { told = append(told, 1) })
	d.OnDone(nil)
	d.OnDone(func() { told = append(told, 2) })
	_ = d.Callback(1)
	d.OnDone(nil)
	if panics != 3 || len(told) != 2 || told[0] != 1 {
		t.Errorf("%d panics, told %v", panics, told)
	}
}
