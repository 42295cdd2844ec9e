package threadpool_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

func TestPool_T06_StopFinishesWhatWasAccepted(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2})
	release := hold(t, p, 2, 2)
	var all []*eventual.Result[int]
	for range 20 {
		all = append(all, threadpool.DeferToThread(context.Background(), p, one))
	}
	stopping := make(chan error)
	go func() { stopping <- p.Stop(context.Background()) }()
	for p.CallInThread(context.Background(), func(context.Context) {}) == nil {
		runtime.Gosched()
	}
	release()
	if err := <-stopping; err != nil {
		t.Error(err)
	}
	if vs, err := eventual.All(all...).Wait(0); len(vs) != 20 || err != nil {
		t.Errorf("%v, %v", vs, err)
	}
	if _, err := threadpool.DeferToThread(context.Background(), p, one).Wait(0); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("after Stop: %v", err)
	}
	if s := p.Stats(); s.Workers != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPool_T06_StopOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := threadpool.New(threadpool.Config{Name: "db", Max: 1})
		if err != nil {
			t.Fatal(err)
		}
		began := make(chan struct{})
		running := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
			close(began)
			<-ctx.Done()
			time.Sleep(time.Hour) // and takes its time
			return 0, context.Cause(ctx)
		})
		<-began
		queued := threadpool.DeferToThread(context.Background(), p, one)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = p.Stop(ctx)
		var stop *eventual.StopError
		if !errors.As(err, &stop) || len(stop.Running) != 1 || stop.Running[0].Age != time.Second || !strings.Contains(stop.Running[0].Submitted, "stop_test.go") || !strings.Contains(stop.Running[0].Stack, "StopOutOfTime") {
			t.Errorf("%v: %+v", err, stop)
		}
		if _, err := queued.Wait(0); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("queued: %v", err)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Errorf("a second Stop: %v", err)
		}
		if _, err := running.Wait(0); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("running: %v", err)
		}
	})
}

func TestPool_T06_StopFromAWorkerAndBeforeStart(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2})
	if _, err := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
		return 0, p.Stop(ctx)
	}).Wait(soon); err != nil {
		t.Error(err)
	}
	never := newPool(t, threadpool.Config{Max: 2, Stopped: true})
	res := threadpool.DeferToThread(context.Background(), never, one)
	if err := never.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if v, err := res.Wait(0); v != 1 || err != nil {
		t.Errorf("accepted before a Stop without Start: %d, %v", v, err)
	}
}

func TestPool_T06_SlotIsKeptUntilTheJobEnds(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2})
	var now, most atomic.Int32
	block := make(chan struct{})
	for range 6 {
		res := threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-block
			now.Add(-1)
			return 0, nil
		})
		if _, err := res.Wait(time.Millisecond); !errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("%v", err)
		}
		res.Cancel() // its caller has given up; the job has not ended
	}
	if s := p.Stats(); s.Busy != 2 || most.Load() != 2 {
		t.Errorf("%d busy, %d at once", s.Busy, most.Load())
	}
	close(block)
}

// TestPool_T06_StopWithoutStartIsAStart: what waits runs, and nobody is told otherwise.
func TestPool_T06_StopWithoutStartIsAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, threadpool.Config{Max: 1, Stopped: true})
		res := threadpool.DeferToThread(context.Background(), p, dawdle)
		stopped := make(chan error)
		go func() { stopped <- p.Stop(context.Background()) }() // ends with the job
		if _, err := res.Wait(time.Second); errors.Is(err, eventual.ErrNotStarted) || !errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("%v, of a job that runs", err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}
