package threadpool

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

const soon = 20 * time.Second // longer than any machine needs

// dozer is a pool of one thread, which dozes for so long once it was idle for a brief time.
func dozer(t *testing.T, long, brief time.Duration) (p *Pool, w *worker) {
	t.Helper()
	procs := runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), 2))
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	p, err := New(Config{Max: 1, LockOSThread: true, Stopped: true})
	if err != nil {
		t.Fatal(err)
	}
	p.dozeFor, p.brief = long, brief
	p.Start()
	do(t, p)
	p.mu.Lock()
	defer p.mu.Unlock()
	for w = range p.workers {
	}
	return p, w
}

func do(t *testing.T, p *Pool) {
	t.Helper()
	if _, err := DeferToThread(context.Background(), p, func(context.Context) (int, error) { return 1, nil }).Wait(soon); err != nil {
		t.Error(err)
	}
}

// dozes returns when w does, which p has jobs for until then: it does not after the
// first, and a late rouse ends the next doze early.
func dozes(t *testing.T, p *Pool, w *worker) {
	t.Helper()
	for end := time.Now().Add(soon); w.doze.Load() != dozing; do(t, p) {
		if time.Now().After(end) {
			t.Fatal("it does not doze")
		}
		for range 1000 {
			if w.doze.Load() == dozing {
				return
			}
			runtime.Gosched()
		}
	}
}

// A thread that dozes is roused by whatever wakes a worker that has parked.
func TestPool_T10_DozingThreadIsRoused(t *testing.T) {
	p, w := dozer(t, time.Hour, time.Hour)
	for range 100 {
		dozes(t, p, w)
		do(t, p)
	}
	dozes(t, p, w)
	if err := p.AdjustPoolSize(0, 2); err != nil {
		t.Error(err)
	}
	dozes(t, p, w)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// A doze that nobody ends is over after a while; the worker, which has parked, is woken
// by its channel.
func TestPool_T10_DozeInVain(t *testing.T) {
	p, w := dozer(t, time.Millisecond, time.Hour)
	dozes(t, p, w)
	for end := time.Now().Add(soon); w.doze.Load() == dozing; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it dozes for ever")
		}
	}
	do(t, p)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// What dozes lose and win, and that a worker in debt parks at once for a while.
func TestPool_T10_LossesMakeDozesRare(t *testing.T) {
	p, w := dozer(t, time.Nanosecond, 0)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	p.brief = time.Hour
	w.doze.Store(awake) // somebody was faster
	w.rousedAt.Store(int64(p.clock()))
	if w.debt = dozeWins + 1; !w.dozed() || w.debt != 1 {
		t.Errorf("a doze that pays: debt %v", w.debt)
	}
	p.brief = 0
	w.doze.Store(dozing)
	if w.dozed() || w.doze.Load() != awake || w.debt == 0 {
		t.Errorf("a doze in vain: state %d, debt %v", w.doze.Load(), w.debt)
	}
	w.doze.Store(awake)
	w.now, w.debt, p.brief = p.clock()-time.Hour, 0, time.Minute
	w.rousedAt.Store(int64(p.clock()))
	if w.dozed(); w.debt != mayLose {
		t.Errorf("a long doze: debt %v", w.debt)
	}
	w.rousedAt.Store(int64(p.clock() - time.Hour))
	if w.dozed(); w.debt != maxDebt {
		t.Errorf("kept from going on: debt %v", w.debt)
	}
	w.brief, w.quick, w.now = true, true, p.clock()
	if w.dozesLocked(); w.dozes || w.resume < w.now+time.Second {
		t.Errorf("in debt: dozes %v, resumes %v after %v", w.dozes, w.resume, w.now)
	}
	w.now = w.resume
	if w.dozesLocked(); !w.dozes {
		t.Error("it does not doze again")
	}
	for lag, debt := range map[time.Duration]time.Duration{1: 0, time.Millisecond: time.Millisecond} {
		w.debt = 0
		p.lag.Store(int64(lag))
		if w.dozesLocked(); w.dozes || w.debt != debt {
			t.Errorf("lag %v: dozes %v, debt %v", lag, w.dozes, w.debt)
		}
	}
	if w.dozesLocked(); !w.dozes {
		t.Error("it was told twice")
	}
}

// Whoever waits for the result of a job that a thread was roused for looks for a while,
// and no longer than it may; the worker hears of it if that was in vain.
func TestPool_T10_LooksForTheResult(t *testing.T) {
	p, w := dozer(t, time.Hour, time.Hour)
	defer func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	dozes(t, p, w)
	p.lag.Store(0)
	release := make(chan struct{})
	j, res := newJob(context.Background(), p, func(context.Context) (int, error) { <-release; return 1, nil })
	if err := p.submit(context.Background(), j); err != nil {
		t.Fatal(err)
	}
	if !j.(*lockedJob[int]).roused.Load() {
		t.Error("not roused")
	}
	if _, err := res.Wait(time.Nanosecond); !errors.Is(err, eventual.ErrTimeout) || p.lag.Load() == 0 {
		t.Errorf("%v, lag %d", err, p.lag.Load())
	}
	p.lag.Store(0)
	if _, err := res.Wait(time.Nanosecond); !errors.Is(err, eventual.ErrTimeout) || p.lag.Load() != 0 {
		t.Errorf("who asks again looks again: %v, lag %d", err, p.lag.Load())
	}
	j.(*lockedJob[int]).rousedFor()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends once the worker has been told
		defer cancel()
		for end := time.Now().Add(soon); p.lag.Load() == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
	}()
	if _, err := res.WaitContext(ctx); !errors.Is(err, context.Canceled) || p.lag.Load() == 0 {
		t.Errorf("%v, lag %d", err, p.lag.Load())
	}
	p.lag.Store(0)
	next, nextRes := newJob(context.Background(), p, func(context.Context) (int, error) { return 2, nil })
	if err := p.submit(context.Background(), next); err != nil {
		t.Fatal(err)
	}
	if _, err := nextRes.Wait(time.Nanosecond); !errors.Is(err, eventual.ErrTimeout) || next.(*lockedJob[int]).roused.Load() || p.lag.Load() != 0 {
		t.Errorf("a job that nobody was roused for: %v, lag %d", err, p.lag.Load())
	}
	close(release)
	if v, err := res.Wait(soon); v != 1 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

// Nothing that wakes a worker gets lost, whether its doze is about to begin, under way,
// or about to end.
func TestPool_T10_DozeStress(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), 2)))
	for round := range 20 {
		p, err := New(Config{Max: 2, LockOSThread: true, IdleTimeout: time.Millisecond, Stopped: true})
		if err != nil {
			t.Fatal(err)
		}
		p.dozeFor, p.brief = time.Duration(1+round*round)*time.Microsecond, time.Hour
		p.Start()
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 200 {
					r := DeferToThread(context.Background(), p, func(context.Context) (int, error) {
						if i%50 == 49 {
							runtime.Goexit()
						}
						return i, nil
					})
					if v, err := r.Wait(soon); err == nil && v != i || errors.Is(err, eventual.ErrTimeout) {
						t.Errorf("%d: %d, %v", i, v, err)
					}
					if g == 0 && i%10 == 0 {
						_ = p.AdjustPoolSize(i/10%2, 1+i/10%3)
					}
					if i%40 == g {
						time.Sleep(p.dozeFor)
					}
				}
			})
		}
		wg.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	}
}

// A thread that dozes keeps nobody's clock from going on for long.
func TestPool_T10_DozeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{Max: 2, LockOSThread: true, IdleTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			for range 5 { // at one time, so it dozes after these
				do(t, p)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := p.Stats(); s.Workers != 0 {
			t.Errorf("%+v", s)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
