package procpool_test

import (
	"bytes"
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
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/frame"
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

// TestProcpool_OnDoneOfTheNextWhileSomebodyWatches: who takes a result has the worker take
// the next job, which may have ended in the queue; and if what is told of that ends the
// goroutine, the worker goes on.
func TestProcpool_OnDoneOfTheNextWhileSomebodyWatches(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("nobody watches with one processor")
	}
	p := quickPool(t, procpool.Config{})
	eventually(t, "one who watches is ended", func() bool {
		first := procpool.DeferToProcess(bg, p, nap, 300*time.Microsecond)
		var watched, came bool
		var wg sync.WaitGroup
		wg.Go(func() { // may be ended by the function below
			watched = true
			_, _ = first.Wait(soon)
			came = true
		})
		time.Sleep(100 * time.Microsecond) // mostly it watches then; else once more
		ctx := &quietCtx{Context: bg}
		next := procpool.DeferToProcess(ctx, p, square, 4)
		told := make(chan struct{})
		go func() { // ends at once, if next has ended already by what it registers
			defer close(told)
			next.OnDone(runtime.Goexit)
		}()
		<-told
		ctx.over.Store(true)
		wg.Wait()
		if _, err := next.Wait(soon); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		for range 20 { // until its jobs count as quick, if it is there for any
			if got, err := procpool.DeferToProcess(bg, p, square, 5).Wait(soon); err != nil || got != 25 {
				t.Fatal(got, err)
			}
		}
		return watched && !came
	})
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

// isWatched runs jobs until a result was taken from the tray.
func isWatched(t *testing.T, p *procpool.Pool) {
	t.Helper()
	before := procpool.TakenFromTrays(p)
	eventually(t, "a result is taken from the tray", func() bool {
		if got, err := procpool.DeferToProcess(bg, p, square, 5).Wait(soon); err != nil || got != 25 {
			t.Fatal(got, err)
		}
		return procpool.TakenFromTrays(p) > before
	})
}

// TestProcpool_P01_ResultsAreTakenFromTheTray: that is how they come, not merely how they
// might.
func TestProcpool_P01_ResultsAreTakenFromTheTray(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("nobody watches with one processor")
	}
	isWatched(t, quickPool(t, procpool.Config{}))
}

// lendThis sees to it that in place of its result b is lent. It is a worker that means harm:
// it writes into the tray what it likes.
var lendThis = procpool.Register("lendThis", func(ctx context.Context, b []byte) (int, error) {
	return 0, procpool.LendInstead(ctx, b)
})

// TestProcpool_P04_LendsNonsense: what is lent and is no result of the job that runs ends
// the worker, and nothing else.
func TestProcpool_P04_LendsNonsense(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("nobody watches with one processor")
	}
	lastID := uint64(1 << 40)
	for name, b := range map[string][]byte{
		"short":      []byte("x"),
		"garbage":    []byte("these are sixteen bytes, and more"),
		"no such":    frame.Append(nil, frame.Result, frame.Raw, lastID, "", 0),
		"of another": frame.Append(nil, frame.Progress, frame.Raw, 101, "", 0),
		"shared":     append(frame.Append(nil, frame.Result, frame.Shared, 101, "", 8), 0, 0, 0, 0, 0, 0, 0, 1),
	} {
		t.Run(name, func(t *testing.T) {
			p := quickPool(t, procpool.Config{Grace: soon})
			eventually(t, "it lends that, and is found out", func() bool {
				for range 30 { // until its jobs count as quick
					if _, err := procpool.DeferToProcess(bg, p, square, 3).Wait(soon); err != nil {
						t.Fatal(err)
					}
				}
				_, err := procpool.DeferToProcess(bg, p, lendThis, b).Wait(soon)
				if failed, ok := errors.AsType[*procpool.RemoteError](err); ok && failed.Message == "nobody watches" {
					return false
				}
				died, ok := errors.AsType[*procpool.WorkerExitError](err)
				if !ok || died.Reason != procpool.ProtocolViolation {
					t.Fatal(err)
				}
				return true
			})
			if got, err := procpool.DeferToProcess(bg, p, square, 5).Wait(soon); err != nil || got != 25 {
				t.Error(got, err)
			}
		})
	}
}

// TestProcpool_P05_TimeUpWhileWatched: a wait, a caller's deadline, a cancel and the pool's
// JobTimeout end while somebody watches as they do otherwise.
func TestProcpool_P05_TimeUpWhileWatched(t *testing.T) {
	p := quickPool(t, procpool.Config{Max: 1, Grace: time.Millisecond, JobTimeout: 20 * time.Millisecond})
	r := procpool.DeferToProcess(bg, p, nap, soon)
	if _, err := r.Wait(time.Millisecond); !errors.Is(err, eventual.ErrTimeout) {
		t.Error("wait:", err)
	}
	var late *procpool.TimeoutError
	if _, err := r.Wait(soon); !errors.As(err, &late) {
		t.Error("JobTimeout:", err)
	}
	for i := range 100 {
		if _, err := procpool.DeferToProcess(bg, p, square, i).Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(bg, 500*time.Microsecond)
	defer cancel()
	if _, err := procpool.DeferToProcess(ctx, p, nap, soon).Wait(soon); !errors.As(err, &late) {
		t.Error("deadline:", err)
	}
	for i := range 100 {
		if _, err := procpool.DeferToProcess(bg, p, square, i).Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	r = procpool.DeferToProcess(bg, p, nap, soon)
	time.AfterFunc(300*time.Microsecond, r.Cancel)
	if _, err := r.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Error("cancel:", err)
	}
}

// TestProcpool_P06_NoTrayStays: of workers that end while their results are watched no
// mapping and no descriptor stays.
func TestProcpool_P06_NoTrayStays(t *testing.T) {
	p := quickPool(t, procpool.Config{Max: 1, RecycleAfter: 40})
	before := descriptors(t)
	for i := range 400 {
		if got, err := procpool.DeferToProcess(bg, p, square, i).Wait(soon); err != nil || got != i*i {
			t.Fatal(got, err)
		}
	}
	if err := p.Stop(bg); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
	eventually(t, "all trays are unmapped", func() bool {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return !bytes.Contains(maps, []byte("procpool tray"))
	})
}

// TestProcpool_InProcessAcrossBubbles: who waits outside a synctest bubble for a result of a
// pool that was made in it does not touch what belongs to the bubble.
func TestProcpool_InProcessAcrossBubbles(t *testing.T) {
	results := make(chan *eventual.Result[int], 1)
	var waits sync.WaitGroup
	waits.Go(func() {
		if got, err := (<-results).Wait(soon); err != nil || got != 7 {
			t.Error(got, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p, err := procpool.New(procpool.Config{Max: 1, InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		results <- procpool.DeferToProcess(t.Context(), p, nap, time.Hour)
		time.Sleep(2 * time.Hour)
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	waits.Wait()
}
