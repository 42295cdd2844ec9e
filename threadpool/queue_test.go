package threadpool_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

func TestPool_T07_FullQueueRefusesAtOnce(t *testing.T) {
	p := newPool(t, threadpool.Config{Name: "q", Max: 1, QueueLimit: 2})
	release := hold(t, p, 1, 1)
	a, b := threadpool.DeferToThread(context.Background(), p, one), threadpool.DeferToThread(context.Background(), p, one)
	_, err := threadpool.DeferToThread(context.Background(), p, one).Wait(0)
	if !errors.Is(err, threadpool.ErrQueueFull) || !errors.Is(err, eventual.ErrQueueFull) || !strings.Contains(err.Error(), "threadpool q") {
		t.Errorf("%v", err)
	}
	if err := p.CallInThread(context.Background(), func(context.Context) {}); !errors.Is(err, threadpool.ErrQueueFull) {
		t.Errorf("%v", err)
	}
	release()
	if _, err := eventual.All(a, b).Wait(soon); err != nil {
		t.Error(err)
	}
}

func TestPool_T07_BlockWhenFull(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1, QueueLimit: 1, BlockWhenFull: true})
	release := hold(t, p, 1, 1)
	first := threadpool.DeferToThread(context.Background(), p, one)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := threadpool.DeferToThread(ctx, p, one).Wait(0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no room in time: %v", err)
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := threadpool.DeferToThread(context.Background(), p, one).Wait(soon); err != nil {
				t.Error(err)
			}
		})
	}
	for p.Stats().Blocked != 5 {
		runtime.Gosched()
	}
	release()
	wg.Wait()
	if _, err := first.Wait(soon); err != nil {
		t.Error(err)
	}
}

// TestPool_T07_RoomIsNotKeptFromWhoWaitsForIt: a submission is not held back while the
// job that follows a short one takes long.
func TestPool_T07_RoomIsNotKeptFromWhoWaitsForIt(t *testing.T) {
	for range 20 { // a worker may be too slow to have had a short one
		p := newPool(t, threadpool.Config{Max: 1, QueueLimit: 16, BlockWhenFull: true})
		release := hold(t, p, 1, 1)
		long := make(chan struct{})
		for i := range 16 {
			if err := p.CallInThread(context.Background(), func(context.Context) {
				if i == 1 {
					<-long
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		accepted := make(chan error, 2)
		for range cap(accepted) {
			go func() { // ends with its submission
				ctx, cancel := context.WithTimeout(context.Background(), soon)
				defer cancel()
				accepted <- p.CallInThread(ctx, nothing)
			}()
		}
		for p.Stats().Blocked != 2 {
			runtime.Gosched()
		}
		release()
		for range cap(accepted) {
			if err := <-accepted; err != nil {
				t.Fatalf("%v: %+v", err, p.Stats())
			}
		}
		close(long)
	}
}
