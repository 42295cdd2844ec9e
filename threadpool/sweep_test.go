package threadpool_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// curious is a ctx that, when it is asked, asks back.
type curious struct {
	context.Context
	ask   func()
	ended atomic.Bool
}

func (c *curious) Err() error {
	c.ask()
	if c.ended.Load() {
		return context.Canceled
	}
	return nil
}

// TestPool_CtxIsAskedUnderNoLock: whatever the ctx of a job that waits does when a full
// queue is searched, or when the job's turn has come.
func TestPool_CtxIsAskedUnderNoLock(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1, QueueLimit: 2})
	release := hold(t, p, 1, 1)
	var asked atomic.Int32
	var results [2]*eventual.Result[int]
	var own atomic.Pointer[eventual.Result[int]]
	ctx := &curious{Context: context.Background(), ask: func() {
		asked.Add(1)
		p.Stats()
		if r := own.Load(); r != nil {
			r.Peek()
			_ = r.Done() // takes the result's lock
		}
	}}
	for i := range results {
		results[i] = threadpool.DeferToThread(ctx, p, one)
	}
	own.Store(results[0])
	if err := p.CallInThread(context.Background(), nothing); !errors.Is(err, threadpool.ErrQueueFull) || asked.Load() == 0 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	ctx.ended.Store(true)
	if err := p.CallInThread(context.Background(), nothing); err != nil {
		t.Errorf("the dead hold their places: %v", err)
	}
	for _, r := range results {
		if _, err := r.Wait(soon); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	ctx.ended.Store(false)
	own.Store(nil)
	last := threadpool.DeferToThread(ctx, p, one)
	own.Store(last)
	before := asked.Load()
	release()
	if v, err := last.Wait(soon); v != 1 || err != nil || asked.Load() == before {
		t.Errorf("%d, %v, asked %d times more", v, err, asked.Load()-before)
	}
}

// TestPool_LongQueueIsSweptNowAndThen: a refusal does not search all of a long queue,
// and still the dead are found.
func TestPool_LongQueueIsSweptNowAndThen(t *testing.T) {
	const limit = 100
	p := newPool(t, threadpool.Config{Max: 1, QueueLimit: limit})
	defer hold(t, p, 1, 1)()
	var asked atomic.Int32
	ctx := &curious{Context: context.Background(), ask: func() { asked.Add(1) }}
	for range limit {
		if err := p.CallInThread(ctx, nothing); err != nil {
			t.Fatal(err)
		}
	}
	const refusals = 1000
	for range refusals {
		if err := p.CallInThread(context.Background(), nothing); !errors.Is(err, threadpool.ErrQueueFull) {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n == 0 || n > 2*refusals {
		t.Errorf("%d looks at jobs for %d refusals", n, refusals)
	}
	ctx.ended.Store(true)
	refused := 0
	for ; p.CallInThread(context.Background(), nothing) != nil; refused++ {
		if refused > 2*limit {
			t.Fatal("the dead are not found")
		}
	}
}

// TestPool_T07_SweepsAndWorkers: a job whose caller has given up is found by whoever
// searches a full queue and by a worker at once; one of them ends it, and its function
// is let go of by none while the other may name it.
func TestPool_T07_SweepsAndWorkers(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 2, QueueLimit: 8})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2000 {
				ctx, cancel := context.WithCancel(context.Background())
				res := threadpool.DeferToThread(ctx, p, one)
				cancel()
				res.OnDone(func() { res.Peek() })
			}
		})
	}
	all.Wait()
}

// TestPool_T09_WhatWasNotRunIsNotKeptEither: by a result that was refused or cancelled.
func TestPool_T09_WhatWasNotRunIsNotKeptEither(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1, QueueLimit: 1, Stopped: true})
	gone := make(chan struct{}, 2)
	submit := func() *eventual.Result[int] {
		big := new([1 << 12]byte)
		runtime.AddCleanup(big, func(struct{}) { gone <- struct{}{} }, struct{}{})
		return threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) { return int(big[0]), nil })
	}
	canceled, refused := submit(), submit()
	canceled.Cancel()
	if _, err := refused.Wait(0); !errors.Is(err, threadpool.ErrQueueFull) {
		t.Fatal(err)
	}
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	for n, end := 0, time.Now().Add(soon); n < cap(gone); runtime.Gosched() {
		runtime.GC()
		select {
		case <-gone:
			n++
		default:
			if time.Now().After(end) {
				t.Fatalf("%d of 2 functions are garbage", n)
			}
		}
	}
	runtime.KeepAlive(canceled)
	runtime.KeepAlive(refused)
}
