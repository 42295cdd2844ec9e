package threadpool

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// TestPool_T01_IdleWorkersDoNotWaitForOneThatStarts: a worker that has yet to come is
// not waited for while another has nothing to do.
func TestPool_T01_IdleWorkersDoNotWaitForOneThatStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var began []int
		starts, slowly := 0, make(chan struct{})
		p, err := New(Config{Max: 4, OnThreadStart: func() error {
			mu.Lock()
			starts++
			third := starts == 3
			mu.Unlock()
			if third {
				<-slowly
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		gate := make(chan struct{})
		for range 3 {
			_ = p.CallInThread(t.Context(), func(context.Context) { <-gate })
			synctest.Wait()
		}
		close(gate)
		synctest.Wait()
		if s := p.Stats(); s.Idle != 2 || s.Workers != 3 {
			t.Fatalf("%+v", s)
		}
		again := make(chan struct{})
		job := func(i int) task {
			return plainCall(func(context.Context) {
				mu.Lock()
				began = append(began, i)
				mu.Unlock()
				<-again
			})
		}
		p.mu.Lock() // both are there before the worker that is sent for the first has looked
		wake := p.enqueueLocked(job(1))
		if other := p.enqueueLocked(job(2)); other != nil || wake == nil {
			t.Error("not one worker was sent, but none or two")
		}
		p.mu.Unlock()
		wake.wake()
		synctest.Wait()
		mu.Lock()
		slices.Sort(began)
		if !slices.Equal(began, []int{1, 2}) {
			t.Errorf("begun: %v", began)
		}
		mu.Unlock()
		close(again)
		close(slowly)
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
