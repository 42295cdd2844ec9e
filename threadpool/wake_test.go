package threadpool

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// A storm sends for one worker, which sends for the next when it has come, and not for
// as many as there are jobs.
func TestStormSendsForOneWorker(t *testing.T) {
	const n = 100
	p, err := New(Config{Max: n, Stopped: true})
	if err != nil {
		t.Fatal(err)
	}
	var ran atomic.Int32
	all := make(chan struct{})
	together := func(context.Context) { // each waits for all: none may be left behind another
		if ran.Add(1) == n {
			close(all)
		}
		<-all
	}
	for range n - 1 {
		if err := p.CallInThread(context.Background(), together); err != nil {
			t.Fatal(err)
		}
	}
	p.mu.Lock()
	p.state = running
	wake := p.feedLocked()
	if p.enqueueLocked(plainCall(together)) != nil || len(wake) != 0 || len(p.workers) != 1 {
		t.Errorf("%d workers for %d jobs, before any has come", len(p.workers), n)
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil || ran.Load() != n {
		t.Errorf("%d of %d ran: %v", ran.Load(), n, err)
	}
}

// An idle worker has a job that comes, although another worker has long been on its way
// for one: what keeps that is its thread's hook.
func TestHookHoldsUpNobodyElse(t *testing.T) {
	var starts atomic.Int32
	starting, block := make(chan struct{}), make(chan struct{})
	p, err := New(Config{Max: 2, OnThreadStart: func() error {
		if starts.Add(1) == 2 {
			close(starting)
			<-block
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	do := func(f func(context.Context) (int, error)) {
		t.Helper()
		if _, err := DeferToThread(context.Background(), p, f).Wait(20 * time.Second); err != nil {
			t.Error(err)
		}
	}
	do(func(context.Context) (int, error) { // holds the first worker until the second has been sent for
		return 1, p.CallInThread(context.Background(), func(context.Context) {})
	})
	<-starting
	for range 10 {
		do(func(context.Context) (int, error) { return 1, nil })
	}
	close(block)
	if err := p.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// What a worker gives back, or is taken from it, it does not keep.
func TestPool_T09_WorkerKeepsNothingOfWhatItGaveAway(t *testing.T) {
	p, err := New(Config{Stopped: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{p: p, quick: true}
	p.mu.Lock()
	for range 2 * batch {
		p.pushLocked(entry{task: plainCall(func(context.Context) {})})
	}
	if e := w.takeLocked(false); e.task == nil || p.sparesLocked() != batch-1 || p.waitingLocked() != 2*batch-1 {
		t.Errorf("it has begun %v and holds %d of %d that wait", e, p.sparesLocked(), p.waitingLocked())
	}
	stolen := w.hand.takeLocked(1, nil)
	w.giveBackLocked()
	if len(stolen) != 1 || p.sparesLocked() != 0 || p.queue.len() != 2*batch-2 {
		t.Errorf("%d stolen, %d wait in the queue", len(stolen), p.queue.len())
	}
	w.takeLocked(true) // ends the one that it had begun
	for i, e := range w.hand.place {
		if e.task != nil {
			t.Errorf("place %d is not empty", i)
		}
	}
	if runsIn(w.hand.word.Load()) || len(p.sharers) != 0 {
		t.Error("it has not ended its job")
	}
	p.queue.putBack(stolen)
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil || p.Stats().Succeeded != 2*batch-1 {
		t.Errorf("%+v, %v", p.Stats(), err)
	}
}
