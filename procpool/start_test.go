package procpool_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// TestProcpool_P03_WorkBeforeStart: jobs wait for Start, and no worker is there.
func TestProcpool_P03_WorkBeforeStart(t *testing.T) {
	p := newPool(t, procpool.Config{Name: "later", Min: 1, Max: 2, QueueLimit: 3, Stopped: true})
	var all []*eventual.Result[int]
	for i := range 3 {
		all = append(all, procpool.DeferToProcess(bg, p, square, i))
	}
	if err := p.AdjustPoolSize(1, 1); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); len(s.Workers) != 0 || s.Started != 0 || s.Queued != 3 {
		t.Errorf("before Start: %+v", s)
	}
	_, err := all[0].Wait(0)
	if !errors.Is(err, eventual.ErrNotStarted) || err.Error() != "eventual: no result in time: procpool later is not started" {
		t.Errorf("a wait before Start: %v", err)
	}
	_, err = procpool.DeferToProcess(bg, p, square, 3).Wait(0)
	if !errors.Is(err, procpool.ErrQueueFull) || !errors.Is(err, eventual.ErrQueueFull) {
		t.Errorf("one too many: %v", err)
	}
	p.Start()
	p.Start()
	for i, r := range all {
		if v, err := r.Wait(soon); v != i*i || err != nil {
			t.Errorf("job %d: %d, %v", i, v, err)
		}
	}
	if n := p.Stats().Started; n != 1 {
		t.Errorf("%d workers were started, want 1", n)
	}
}

// TestProcpool_P09_StopBeforeStart: what was accepted runs all the same.
func TestProcpool_P09_StopBeforeStart(t *testing.T) {
	p := newPool(t, procpool.Config{Min: 1, Max: 1, Stopped: true})
	r := procpool.DeferToProcess(bg, p, square, 3)
	if err := p.Stop(bg); err != nil {
		t.Error(err)
	}
	if v, err := r.Wait(0); v != 9 || err != nil {
		t.Errorf("accepted before a Stop without Start: %d, %v", v, err)
	}
	p.Start()
	if _, err := procpool.DeferToProcess(bg, p, square, 3).Wait(0); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("after Stop and Start: %v", err)
	}

	idle := newPool(t, procpool.Config{Min: 1, Max: 1, Stopped: true})
	if err := idle.Stop(bg); err != nil || idle.Stats().Started != 0 {
		t.Errorf("%v, %d workers of a pool without jobs", err, idle.Stats().Started)
	}

	refused := newPool(t, procpool.Config{Max: 1, Stopped: true})
	ended, cancel := context.WithCancel(bg)
	r = procpool.DeferToProcess(ended, refused, square, 3)
	cancel()
	if _, err := r.Wait(soon); !errors.Is(err, context.Canceled) {
		t.Errorf("its ctx ended before Start: %v", err)
	}
}

// quietCtx ends without telling anybody.
type quietCtx struct {
	context.Context
	over atomic.Bool
}

func (c *quietCtx) Done() <-chan struct{} { return nil }

func (c *quietCtx) Err() error {
	if c.over.Load() {
		return context.Canceled
	}
	return nil
}

// TestProcpool_OnDoneOfWhatEndedInTheQueue: a function that ends the goroutine which finds
// that a job has ended in the queue ends neither its worker nor the jobs behind it.
func TestProcpool_OnDoneOfWhatEndedInTheQueue(t *testing.T) {
	for _, inProcess := range []bool{false, true} {
		p := newPool(t, procpool.Config{Max: 1, Stopped: true, InProcess: inProcess})
		var runs, ended []*eventual.Result[int]
		for i := range 300 {
			ctx := &quietCtx{Context: bg}
			r := procpool.DeferToProcess(ctx, p, square, i)
			if i%3 == 0 {
				runs = append(runs, r)
				continue
			}
			r.OnDone(runtime.Goexit)
			ctx.over.Store(true)
			ended = append(ended, r)
		}
		p.Start()
		for i, r := range runs {
			if v, err := r.Wait(soon); v != 9*i*i || err != nil {
				t.Fatalf("in process %v, job %d: %d, %v", inProcess, i, v, err)
			}
		}
		for i, r := range ended {
			if _, err := r.Wait(soon); !errors.Is(err, context.Canceled) {
				t.Fatalf("in process %v, %d that ended: %v", inProcess, i, err)
			}
		}
		if v, err := procpool.DeferToProcess(bg, p, square, 3).Wait(soon); v != 9 || err != nil {
			t.Errorf("in process %v, the next: %d, %v", inProcess, v, err)
		}
	}
}
