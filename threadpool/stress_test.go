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

func TestPool_Stress(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 4, IdleTimeout: time.Millisecond})
	var now, most, sum atomic.Int64
	var wg sync.WaitGroup
	const each = 500
	for g := range 8 {
		wg.Go(func() {
			for i := range each {
				res := threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
					for n := now.Add(1); ; {
						m := most.Load()
						if n <= m || most.CompareAndSwap(m, n) {
							break
						}
					}
					defer now.Add(-1)
					if i%50 == 0 {
						runtime.Goexit()
					}
					return 1, nil
				})
				if i%7 == 0 {
					res.Cancel()
				}
				if v, err := res.Wait(soon); err == nil {
					sum.Add(int64(v))
				} else if errors.Is(err, eventual.ErrTimeout) {
					t.Error(err)
				}
				if g == 0 && i%20 == 0 {
					_ = p.AdjustPoolSize(0, 1+i%4)
				}
			}
		})
	}
	wg.Wait()
	if most.Load() > 4 || now.Load() != 0 {
		t.Errorf("%d at once, %d left", most.Load(), now.Load())
	}
	if s := p.Stats(); s.Succeeded != uint64(sum.Load()) {
		t.Errorf("%d succeeded, %d counted", sum.Load(), s.Succeeded)
	}
}
