package threadpool

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// dropped is a task that knows whether it has been dropped.
type dropped struct {
	plainCall
	yes bool
}

func (d *dropped) drop() { d.yes = true }

// The worker begins, others take and look, all at once: each job is begun or taken,
// once, and whoever looks finds one that has begun and is not over.
func TestHandIsSharedOut(t *testing.T) {
	var mu sync.Mutex
	var h hand
	meanwhile := func(over <-chan struct{}, f func()) {
		for {
			mu.Lock()
			f()
			mu.Unlock()
			select {
			case <-over:
				return
			default:
				runtime.Gosched()
			}
		}
	}
	for range 300 {
		for i := range h.place {
			h.place[i] = entry{task: &dropped{}, by: int64(i)}
		}
		var begun, taken [batch]bool
		e := h.startLocked(batch)
		over := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() {
			meanwhile(over, func() {
				for _, e := range h.takeLocked(2, nil) {
					taken[e.by] = true
				}
			})
		})
		others.Go(func() {
			meanwhile(over, func() {
				h.watchLocked(func(running task, _ int) {
					if running.(*dropped).yes {
						t.Error("one that is over is looked at")
					}
				})
			})
		})
		for e.task != nil {
			begun[e.by] = true
			if e.by%4 == 0 {
				runtime.Gosched()
			}
			ended, next, watched := h.next(1)
			if watched {
				mu.Lock() // waits for the one who looks
				runtime.Gosched()
				mu.Unlock()
				continue
			}
			if ended.task != nil {
				ended.task.drop()
			}
			e = next
		}
		close(over)
		others.Wait()
		n := 0
		for i := range begun {
			if begun[i] == taken[i] {
				t.Fatalf("place %d: begun %v, taken %v", i, begun[i], taken[i])
			}
			if begun[i] {
				n++
			}
		}
		if _, returned := h.overLocked(); returned != uint64(n-1) || h.spareLocked() != 0 || runsIn(h.word.Load()) {
			t.Fatalf("%d have returned of %d that began, %d are left", returned, n, h.spareLocked())
		}
		for i, e := range h.place {
			if e.task != nil {
				t.Fatalf("place %d is not empty", i)
			}
		}
	}
}

// handful is a stopped pool of one worker, which will take what is submitted next in
// hands, since its first jobs are short.
func handful(t *testing.T) (p *Pool, submit func(func())) {
	t.Helper()
	p, err := New(Config{Max: 1, Stopped: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	submit = func(f func()) {
		t.Helper()
		if err := p.CallInThread(context.Background(), func(context.Context) { f() }); err != nil {
			t.Fatal(err)
		}
	}
	submit(func() {})
	return p, submit
}

// TestPool_T03_WhatEndsAJobEndsNotTheHand: after a panic, and after a Goexit, what the
// worker has taken along is run, each once.
func TestPool_T03_WhatEndsAJobEndsNotTheHand(t *testing.T) {
	p, submit := handful(t)
	const n = 10 * batch
	ran := make([]int, n)
	for i := range n {
		submit(func() {
			ran[i]++
			switch i % 7 {
			case 2:
				panic("bang")
			case 5:
				runtime.Goexit()
			}
		})
	}
	p.Start()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	panics, exits := 0, 0
	for i, times := range ran {
		if times != 1 {
			t.Errorf("job %d ran %d times", i, times)
		}
		switch i % 7 {
		case 2:
			panics++
		case 5:
			exits++
		}
	}
	if s := p.Stats(); s.Panicked != uint64(panics) || s.Failed != uint64(panics+exits) || s.Succeeded != uint64(1+n-panics-exits) {
		t.Errorf("%d panics, %d exits: %+v", panics, exits, s)
	}
}

// TestPool_T09_AnEndedJobIsNotKeptByTheNext: of a hand, what has run is let go of, and
// counted, while the next job runs; and that is the one that is named.
func TestPool_T09_AnEndedJobIsNotKeptByTheNext(t *testing.T) {
	p, submit := handful(t)
	gone, blocked, block := make(chan struct{}), make(chan struct{}), make(chan struct{})
	func() {
		big := new([1 << 12]byte)
		runtime.AddCleanup(big, func(struct{}) { close(gone) }, struct{}{})
		submit(func() { big[0]++ })
	}()
	submit(func() { close(blocked); <-block })
	submit(func() {})
	p.Start()
	<-blocked
	for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		runtime.GC()
		select {
		case <-gone:
		default:
			if time.Now().After(end) {
				t.Fatal("what the job before used is still alive")
			}
			continue
		}
		break
	}
	if s := p.Stats(); s.Succeeded != 2 || s.Queued != 1 {
		t.Errorf("while the third runs: %+v", s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var still *eventual.StopError
	if err := p.Stop(ctx); !errors.As(err, &still) || len(still.Running) != 1 || !strings.Contains(still.Running[0].Stack, "AnEndedJobIsNotKept") {
		t.Errorf("%v", err)
	}
	close(block)
	if err := p.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestPool_TimesAreOfTheJobAlone: not of what its worker did before.
func TestPool_TimesAreOfTheJobAlone(t *testing.T) {
	p, _ := handful(t)
	for p.clock() == 0 { // which stands for no time; some systems' clocks have long ticks
		time.Sleep(time.Millisecond)
	}
	w := &worker{p: p, now: p.clock() - time.Hour}
	e := entry{at: p.clock()}
	w.waited(e)
	w.ended(e)
	if s := p.Stats(); s.Run.Max >= time.Hour || s.Run.Count != 1 {
		t.Errorf("%+v", s.Run)
	}
	if err := p.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
