package coiterate_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

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
	most := uint64(5 << 10)
	if runtime.GOOS == "windows" {
		most += 6 << 10 // a stack has 8 KiB at the least there, not 2
	}
	if !raceEnabled && each > most {
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
