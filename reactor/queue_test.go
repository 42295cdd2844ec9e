package reactor

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// TestReactor_R01_TheQueueKeepsOrder for batches of any length around that of a chunk,
// from inside and outside, of which some tasks panic or end the loop's goroutine.
func TestReactor_R01_TheQueueKeepsOrder(t *testing.T) {
	r := New(Config{Logger: slog.New(slog.DiscardHandler)})
	random := rand.New(rand.NewPCG(1, 2))
	var ran, want, local, wantLocal []int
	submit := func(to, expected *[]int) {
		i, kind := len(*expected), random.IntN(200)
		*expected = append(*expected, i)
		_ = r.Call(func() {
			*to = append(*to, i)
			switch kind {
			case 0:
				panic("no")
			case 1:
				runtime.Goexit()
			}
		})
	}
	for range 40 {
		hold, held := make(chan struct{}), make(chan struct{})
		n, inside := random.IntN(3*chunkTasks), random.IntN(3*chunkTasks)
		_ = r.Call(func() {
			for range inside {
				submit(&local, &wantLocal)
			}
			close(held)
			<-hold
		})
		r.Start() // the first time
		<-held
		for range n {
			submit(&ran, &want)
		}
		close(hold)
		for range 2 { // what was submitted inside comes behind the first
			passed := RunInReactor(context.Background(), r, func(context.Context) (int, error) { return len(ran), nil })
			if got, err := passed.Wait(20 * time.Second); got != len(want) || err != nil {
				t.Fatalf("%d of %d ran: %v", got, len(want), err)
			}
		}
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ran, want) || !slices.Equal(local, wantLocal) {
		t.Errorf("ran out of order, or not at all")
	}
	for _, s := range []*spares{&r.inbox.spares, &r.loop.spares} {
		for c := s.first; c != nil; c = c.next {
			if c.local != s.local || c.len != 0 || c.tasks != [chunkTasks]task{} {
				t.Fatal("a spare chunk holds something, or is among the wrong ones")
			}
		}
	}
	if r.inbox.taken.first != nil || r.inbox.tasks.first != nil || r.loop.local.first != nil || r.loop.chunk != nil {
		t.Error("a queue holds something")
	}
}

// TestReactor_E11_StopThatGivesUpEndsWhatWaits while the loop goes through the very
// same chunks, and goes on to submit.
func TestReactor_E11_StopThatGivesUpEndsWhatWaits(t *testing.T) {
	defer eventual.OnUnhandled(func(error) {})()
	for range 20 {
		r := New(Config{Logger: slog.New(slog.DiscardHandler)})
		r.Start()
		hold := make(chan struct{})
		_ = r.Call(func() { <-hold })
		var all []*eventual.Result[int]
		for range 20 * chunkTasks {
			all = append(all, RunInReactor(context.Background(), r, func(context.Context) (int, error) { return 1, nil }))
		}
		r.OnShutdown(During, func(context.Context) error { close(hold); return nil })
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		var stops sync.WaitGroup
		for range 4 {
			stops.Go(func() {
				for range 20 {
					_ = r.Stop(ended)
				}
			})
		}
		stops.Wait()
		<-r.Done()
		for _, res := range all {
			if v, err := res.Wait(0); err == nil && v != 1 || err != nil && !errors.Is(err, eventual.ErrStopped) {
				t.Fatalf("%d, %v", v, err)
			}
		}
	}
}
