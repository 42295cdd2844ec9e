package threadpool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

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
