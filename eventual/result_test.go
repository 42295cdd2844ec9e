package eventual_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

func TestEventual_E01_E02_ValueBeforeAndAfterWaitBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, settle := eventual.New[int](nil)
		go func() {
			time.Sleep(time.Second)
			settle(7, nil)
		}()
		for range 2 {
			if v, err := r.Wait(time.Minute); v != 7 || err != nil {
				t.Errorf("%d, %v", v, err)
			}
		}
		if v, err := r.WaitContext(context.Background()); v != 7 || err != nil {
			t.Errorf("WaitContext: %d, %v", v, err)
		}
		if o, ok := r.Peek(); !ok || o.Value != 7 {
			t.Errorf("Peek: %v, %v", o, ok)
		}
		<-r.Done()
		if settle(8, nil) {
			t.Error("settled twice")
		}
		if v, _ := eventual.Of(3).Wait(0); v != 3 {
			t.Errorf("Of: %d", v)
		}
	})
}

type myError struct{ n int }

func (e *myError) Error() string { return "mine" }

func TestEventual_E03_E04_TheSameErrorEachTime(t *testing.T) {
	cause := &myError{5}
	wrapped := errors.Join(errors.New("context"), cause)
	r := eventual.Failed[int](wrapped)
	for range 2 {
		_, err := r.Wait(0)
		var mine *myError
		if err != wrapped || !errors.As(err, &mine) || mine.n != 5 { //nolint:errorlint // the very error
			t.Errorf("%v", err)
		}
	}
}

func TestEventual_E05_E06_E07_TimeoutLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, settle := eventual.New[int](nil)
		for range 2 {
			begun := time.Now()
			_, err := r.Wait(time.Second)
			if took := time.Since(begun); took != time.Second {
				t.Errorf("waited %v", took)
			}
			if !errors.Is(err, eventual.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%v has no Timeout that is true", err)
			}
		}
		if _, err := r.Wait(0); !errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("polling: %v", err)
		}
		if _, err := r.Wait(-time.Second); !errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("polling: %v", err)
		}
		settle(4, nil)
		if v, err := r.Wait(time.Second); v != 4 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
	})
}

func TestEventual_E05_WaitContextGivesTheCause(t *testing.T) {
	cause := errors.New("closing time")
	ctx, cancel := context.WithCancelCause(context.Background())
	r, settle := eventual.New[int](nil)
	go cancel(cause)
	if _, err := r.WaitContext(ctx); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	settle(1, nil)
	if v, err := r.WaitContext(ctx); v != 1 || err != nil {
		t.Errorf("a result that is there wins: %d, %v", v, err)
	}
}

// refuser is what a reactor registers for its goroutine.
type refuser struct{}

func (refuser) BeforePark(any) (func(), error) { return nil, eventual.ErrWaitInReactor }

func TestEventual_E08_RefusedByTheGoroutine(t *testing.T) {
	r, settle := eventual.New[int](nil)
	id := park.Enter(refuser{})
	if _, err := r.Wait(time.Hour); !errors.Is(err, eventual.ErrWaitInReactor) {
		t.Errorf("Wait: %v", err)
	}
	if _, err := r.WaitContext(context.Background()); !errors.Is(err, eventual.ErrWaitInReactor) {
		t.Errorf("WaitContext: %v", err)
	}
	settle(1, nil)
	if v, err := r.Wait(time.Hour); v != 1 || err != nil {
		t.Errorf("finished: %d, %v", v, err)
	}
	park.Leave(id)
	if _, err := r.Wait(time.Hour); err != nil {
		t.Error(err)
	}
}

// lender is what a pool registers for a worker.
type lender struct{ parked, resumed *int }

func (l lender) BeforePark(any) (func(), error) {
	*l.parked++
	return func() { *l.resumed++ }, nil
}

func TestEventual_E08_ACompensatedWait(t *testing.T) {
	parked, resumed := 0, 0
	defer park.Leave(park.Enter(lender{&parked, &resumed}))
	r, _ := eventual.New[int](nil)
	_, _ = r.Wait(time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, _ = r.WaitContext(ctx)
	if parked != 2 || resumed != 2 {
		t.Errorf("parked %d, resumed %d", parked, resumed)
	}
}

type key struct{}

func TestEventual_E09_CtxOfTheWork(t *testing.T) {
	t.Run("values, and Cancel with its cause", func(t *testing.T) {
		ctx := context.WithValue(context.Background(), key{}, "v")
		began := make(chan struct{})
		r := eventual.Go(ctx, func(ctx context.Context) (string, error) {
			if ctx.Err() != nil {
				return "", errors.New("done too early")
			}
			close(began)
			<-ctx.Done()
			return ctx.Value(key{}).(string), context.Cause(ctx)
		})
		<-began
		r.Cancel()
		r.Cancel()
		if v, err := r.Wait(soon); v != "v" || !errors.Is(err, eventual.ErrCanceled) || !errors.Is(err, context.Canceled) {
			t.Errorf("%q, %v", v, err)
		}
		r.Cancel()
	})
	t.Run("the bare context.Canceled says who did it", func(t *testing.T) {
		began := make(chan struct{})
		r := eventual.Go(context.Background(), func(ctx context.Context) (int, error) {
			close(began)
			<-ctx.Done()
			return 0, ctx.Err()
		})
		<-began
		r.Cancel()
		if _, err := r.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("the caller's ctx", func(t *testing.T) {
		cause := errors.New("caller left")
		ctx, cancel := context.WithCancelCause(context.Background())
		began := make(chan struct{})
		r := eventual.Go(ctx, func(ctx context.Context) (int, error) {
			derived, stop := context.WithTimeout(ctx, time.Hour)
			defer stop()
			close(began)
			<-derived.Done()
			return 0, context.Cause(derived)
		})
		<-began
		cancel(cause)
		if _, err := r.Wait(soon); err != cause { //nolint:errorlint // the very error
			t.Errorf("%v", err)
		}
	})
	t.Run("ends with the work, and keeps its values", func(t *testing.T) {
		ctx := context.WithValue(context.Background(), key{}, "v")
		var kept context.Context
		r := eventual.Go(ctx, func(ctx context.Context) (int, error) { kept = ctx; return 1, nil })
		_, _ = r.Wait(soon)
		if kept.Err() == nil || kept.Value(key{}) != "v" {
			t.Errorf("Err %v, value %v", kept.Err(), kept.Value(key{}))
		}
		<-kept.Done()
	})
	t.Run("New calls its cancel", func(t *testing.T) {
		calls := 0
		r, settle := eventual.New[int](func() { calls++ })
		r.Cancel()
		settle(1, nil)
		r.Cancel()
		if calls != 1 {
			t.Errorf("%d calls", calls)
		}
		r, _ = eventual.New[int](nil)
		r.Cancel()
	})
}

// queuedJob is a component's job that nobody has started.
type queuedJob struct {
	eventual.Promise[int]
	life *eventual.Lifetime
}

func (j *queuedJob) Lifetime() *eventual.Lifetime { return j.life }
func (j *queuedJob) Func() uintptr                { return 0 }

func newJob(ctx context.Context, life *eventual.Lifetime) *queuedJob {
	j := &queuedJob{life: life}
	j.Init(ctx, j)
	return j
}

func TestEventual_E09_QueuedWorkNeverStarts(t *testing.T) {
	fail := func(context.Context) (int, error) { t.Error("started"); return 0, nil }
	j := newJob(context.Background(), nil)
	j.Result().Cancel()
	if j.Run(fail) {
		t.Error("Run says that it started")
	}
	if _, err := j.Result().Wait(0); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
	cause := errors.New("caller left")
	ctx, cancel := context.WithCancelCause(context.Background())
	j = newJob(ctx, nil)
	cancel(cause)
	j.Run(fail)
	if _, err := j.Result().Wait(0); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

func TestEventual_E11_StopEndsThePendingAndTheirCtx(t *testing.T) {
	stopped := errors.Join(errors.New("component x: stopped"), eventual.ErrStopped)
	life := eventual.NewLifetime("component x")
	waiting, running, ended := newJob(context.Background(), life), newJob(context.Background(), life), newJob(context.Background(), life)
	ended.Run(func(context.Context) (int, error) { return 5, nil })
	ctx, _ := running.Begin()
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := waiting.Result().Wait(soon); !errors.Is(err, eventual.ErrStopped) {
				t.Errorf("waiter: %v", err)
			}
		})
	}
	life.End(stopped)
	if ctx.Err() == nil || context.Cause(ctx) != stopped { //nolint:errorlint // the very error
		t.Errorf("ctx of running work: %v, %v", ctx.Err(), context.Cause(ctx))
	}
	<-ctx.Done()
	for _, j := range []*queuedJob{waiting, running, ended} {
		j.Abort(stopped)
	}
	wg.Wait()
	if _, err := running.Result().Wait(0); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("running: %v", err)
	}
	if v, err := ended.Result().Wait(0); v != 5 || err != nil {
		t.Errorf("ended: %d, %v", v, err)
	}
}

func explode(context.Context) (int, error) { panic(&myError{9}) }

func TestEventual_E12_PanicAndGoexit(t *testing.T) {
	var hooked atomic.Int32
	defer eventual.OnPanic(func(p *eventual.PanicError) { hooked.Add(1) })()
	_, err := eventual.Go(context.Background(), explode).Wait(soon)
	var p *eventual.PanicError
	var mine *myError
	if !errors.As(err, &p) || !errors.As(err, &mine) || mine.n != 9 || hooked.Load() != 1 {
		t.Fatalf("%v, hook called %d times", err, hooked.Load())
	}
	lines := bytes.Split(p.Stack, []byte("\n"))
	if !bytes.HasPrefix(lines[0], []byte("goroutine ")) || !bytes.Contains(lines[1], []byte("explode")) {
		t.Errorf("the stack does not begin with the function that panicked:\n%s", p.Stack)
	}
	for name, fail := range map[string]func() error{
		"Then": func() error {
			_, err := eventual.Then(eventual.Of(1), func(int) (int, error) { return explode(context.Background()) }).Wait(soon)
			return err
		},
		"Deferred": func() error {
			o, _ := eventual.Succeed(1).AddCallback(func(int) (int, error) { return explode(context.Background()) }).Peek()
			return o.Err
		},
		"handed on": func() error {
			_, err := eventual.All(eventual.Go(context.Background(), explode)).Wait(soon)
			return err
		},
	} {
		if err := fail(); !errors.As(err, &p) || !bytes.Contains(bytes.SplitN(p.Stack, []byte("\n"), 3)[1], []byte("explode")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = eventual.Go(context.Background(), func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }).Wait(soon)
	if !errors.Is(err, eventual.ErrGoexit) {
		t.Errorf("Goexit: %v", err)
	}
}

func TestEventual_E13_ManyWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, settle := eventual.New[int](nil)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				timeout := time.Duration(i+1) * time.Second
				v, err := r.Wait(timeout)
				if timeout < 50*time.Second && !errors.Is(err, eventual.ErrTimeout) || timeout > 50*time.Second && (v != 3 || err != nil) {
					t.Errorf("timeout %v: %d, %v", timeout, v, err)
				}
			})
		}
		time.Sleep(50 * time.Second)
		settle(3, nil)
		wg.Wait()
	})
}

func TestEventual_E13_Stress(t *testing.T) {
	rounds := 60
	if raceEnabled {
		rounds = 12
	}
	for range rounds {
		r, settle := eventual.New[int](func() {})
		var settled, told atomic.Int32
		var wg sync.WaitGroup
		for i := range 400 {
			wg.Go(func() {
				switch i % 4 {
				case 0:
					if v, err := r.Wait(time.Duration(rand.IntN(200)) * time.Microsecond); err == nil && v == 0 {
						t.Error("a value from nowhere")
					}
				case 1:
					if v, err := r.Wait(soon); err != nil || v == 0 {
						t.Errorf("%d, %v", v, err)
					}
				case 2:
					r.OnDone(func() { told.Add(1) })
					r.Cancel()
					<-r.Done()
				case 3:
					if settle(i, nil) {
						settled.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if settled.Load() != 1 || told.Load() != 100 {
			t.Fatalf("settled %d times, told %d of 100", settled.Load(), told.Load())
		}
	}
}

func TestEventual_OnDoneInOrderAndContained(t *testing.T) {
	defer eventual.OnPanic(func(*eventual.PanicError) {})()
	r, settle := eventual.New[int](nil)
	var order strings.Builder
	r.OnDone(func() { order.WriteString("a") })
	r.OnDone(func() { panic("in a callback") })
	r.OnDone(func() { order.WriteString("b") })
	r.OnDone(runtime.Goexit)
	r.OnDone(func() { order.WriteString("c") })
	done := make(chan struct{})
	go func() {
		defer close(done)
		settle(1, nil)
	}()
	<-done
	r.OnDone(func() { order.WriteString("d") })
	if order.String() != "abcd" {
		t.Errorf("order %q", order.String())
	}
}

func TestEventual_E16_SeveralBubbles(t *testing.T) {
	outside, _ := eventual.New[int](nil)
	_, _ = outside.Wait(time.Millisecond) // leaves a waiter behind for this goroutine
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					r, settle := eventual.New[int](nil)
					if _, err := r.Wait(time.Hour); !errors.Is(err, eventual.ErrTimeout) {
						t.Error(err)
					}
					go settle(1, nil)
					if _, err := r.Wait(time.Hour); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
	_, _ = outside.Wait(time.Millisecond)
}
