package procpool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

type pair struct {
	A int
	B string
}

var (
	pairUp = procpool.Register("pairUp", func(_ context.Context, n int) (pair, error) { return pair{n, fmt.Sprint(n)}, nil })
	nap    = procpool.Register("nap", func(_ context.Context, d time.Duration) (int, error) { time.Sleep(d); return 7, nil })
	// leaveTalking returns while a goroutine of its goes on to report its progress.
	leaveTalking = procpool.Register("leaveTalking", func(ctx context.Context, n int) (int, error) {
		go func() {
			for procpool.Progress(ctx, n) == nil {
				runtime.Gosched()
			}
		}()
		return n, procpool.Progress(ctx, n)
	})
)

// quickPool is one whose worker has run so many short jobs that who waits for the next
// watches for its result.
func quickPool(t testing.TB, cfg procpool.Config) *procpool.Pool {
	t.Helper()
	cfg.Max = max(cfg.Max, 1)
	p := newPool(t, cfg)
	for range 100 {
		if _, err := procpool.DeferToProcess(bg, p, square, 3).Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestProcpool_P01_OneAfterTheOther: the answers of single jobs, of which some come by the
// tray and some by the connection, are right whatever becomes of them.
func TestProcpool_P01_OneAfterTheOther(t *testing.T) {
	p := quickPool(t, procpool.Config{})
	for i := range 2000 {
		switch i % 8 {
		case 0:
			if got, err := procpool.DeferToProcess(bg, p, pairUp, i).Wait(soon); err != nil || got != (pair{i, fmt.Sprint(i)}) {
				t.Fatal(got, err)
			}
		case 1:
			if _, err := procpool.DeferToProcess(bg, p, fail, "no").Wait(soon); err == nil || err.Error() != "no" {
				t.Fatal(err)
			}
		case 2: // so large that it does not fit into the tray, or only just not
			b := make([]byte, 32<<10-24+i%48)
			if got, err := procpool.DeferToProcess(bg, p, echo, b).Wait(soon); err != nil || len(got) != len(b) {
				t.Fatal(len(got), err)
			}
		case 3:
			var seen []int
			r := procpool.DeferWithProgress(bg, p, count, 3, func(n int) { seen = append(seen, n) })
			if got, err := r.Wait(soon); err != nil || got != 3 || len(seen) != 3 {
				t.Fatal(got, err, seen)
			}
		case 4:
			if got, err := procpool.DeferToProcess(bg, p, leaveTalking, i).Wait(soon); err != nil || got != i {
				t.Fatal(got, err)
			}
		default:
			if got, err := procpool.DeferToProcess(bg, p, square, i).Wait(soon); err != nil || got != i*i {
				t.Fatal(got, err)
			}
		}
	}
	if s := p.Stats(); s.Started != 1 {
		t.Errorf("%d workers for one that did nothing wrong", s.Started)
	}
}

// TestProcpool_SeveralWaitForOne: all who wait for a result get it, one of whom watches
// for it; and who gives up loses nothing.
func TestProcpool_SeveralWaitForOne(t *testing.T) {
	p := quickPool(t, procpool.Config{})
	for i := range 300 {
		r := procpool.DeferToProcess(bg, p, nap, time.Duration(i%5)*300*time.Microsecond)
		var wg sync.WaitGroup
		for k := range 4 {
			wg.Go(func() {
				if k == 0 {
					ctx, cancel := context.WithTimeout(bg, time.Duration(i%7)*100*time.Microsecond+1)
					defer cancel()
					if got, err := r.WaitContext(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) || err == nil && got != 7 {
						t.Error(got, err)
					}
				}
				if k == 1 {
					if got, err := r.Wait(100 * time.Microsecond); err != nil && !errors.Is(err, eventual.ErrTimeout) || err == nil && got != 7 {
						t.Error(got, err)
					}
				}
				if got, err := r.Wait(soon); err != nil || got != 7 {
					t.Error(got, err)
				}
			})
		}
		wg.Wait()
	}
}

// TestProcpool_OnDoneWhileSomebodyWaits: a function that ends the goroutine which completes
// a result, whichever that is, ends neither the worker nor who waits elsewhere.
func TestProcpool_OnDoneWhileSomebodyWaits(t *testing.T) {
	p := quickPool(t, procpool.Config{})
	var called atomic.Int64
	const jobs = 500
	for i := range jobs {
		r := procpool.DeferToProcess(bg, p, square, i)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = r.Wait(soon) }) // may be ended by the function below
		wg.Go(func() { r.OnDone(func() { called.Add(1); runtime.Goexit() }) })
		wg.Wait()
		if got, err := r.Wait(soon); err != nil || got != i*i {
			t.Fatal(got, err)
		}
	}
	eventually(t, "all functions are called", func() bool { return called.Load() == jobs })
}

// TestProcpool_P04_KilledWhileWatched: workers that are killed at random moments while
// somebody watches for an answer lose no job: each ends once, with its value or their death.
func TestProcpool_P04_KilledWhileWatched(t *testing.T) {
	p := quickPool(t, procpool.Config{Min: 2, Max: 2})
	ended := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(time.Duration(rand.IntN(4000)) * time.Microsecond):
			}
			for _, w := range p.Stats().Workers {
				if w.PID != 0 && w.PID != os.Getpid() && w.State < procpool.Recycling {
					_ = syscall.Kill(w.PID, syscall.SIGKILL)
					break
				}
			}
		}
	})
	var values, deaths atomic.Int64
	var waiters sync.WaitGroup
	for range 3 {
		waiters.Go(func() {
			for i := range 500 {
				got, err := procpool.DeferToProcess(bg, p, square, i).Wait(soon)
				var died *procpool.WorkerExitError
				switch {
				case err == nil && got == i*i:
					values.Add(1)
				case errors.As(err, &died):
					deaths.Add(1)
				case errors.Is(err, procpool.ErrWorkersFailing): // none lived long enough
					time.Sleep(10 * time.Millisecond)
					values.Add(1)
				default:
					t.Errorf("job %d: %d, %v", i, got, err)
				}
			}
		})
	}
	waiters.Wait()
	close(ended)
	killer.Wait()
	if n := values.Load() + deaths.Load(); n != 1500 {
		t.Errorf("%d jobs ended, want 1500", n)
	}
}

// TestProcpool_P09_StopWhileWatched: a pool that stops while somebody watches waits for the
// job, or kills it when its time is up, and who waits hears of it.
func TestProcpool_P09_StopWhileWatched(t *testing.T) {
	for i := range 4 {
		p := quickPool(t, procpool.Config{Grace: time.Millisecond})
		r := procpool.DeferToProcess(bg, p, nap, time.Duration(i)*400*time.Microsecond)
		var got int
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { got, err = r.Wait(soon) })
		if stopErr := p.Stop(bg); stopErr != nil {
			t.Fatal(stopErr)
		}
		if wg.Wait(); got != 7 || err != nil {
			t.Fatal(got, err)
		}
	}
	p := quickPool(t, procpool.Config{Grace: time.Millisecond})
	r := procpool.DeferToProcess(bg, p, nap, soon)
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { _, err = r.Wait(soon) })
	ctx, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	var stopped *eventual.StopError
	if stopErr := p.Stop(ctx); !errors.As(stopErr, &stopped) {
		t.Fatal(stopErr)
	}
	if wg.Wait(); !errors.Is(err, eventual.ErrStopped) {
		t.Fatal(err)
	}
}
