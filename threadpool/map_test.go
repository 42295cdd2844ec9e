package threadpool_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/threadpool"
)

// numbers counts from 0, for ever.
func numbers(taken *int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			*taken = i + 1
		}
	}
}

func TestMap_OrderedAndBounded(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 4})
	var now, most atomic.Int32
	taken, want := 0, 0
	for v, err := range threadpool.Map(context.Background(), p, numbers(&taken), func(_ context.Context, n int) (int, error) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		if n%3 == 0 {
			runtime.Gosched()
		}
		if n == 50 {
			return 0, errBoom
		}
		return n * n, nil
	}) {
		if want == 50 && !errors.Is(err, errBoom) || want != 50 && (v != want*want || err != nil) {
			t.Fatalf("%d: %d, %v", want, v, err)
		}
		if want++; want == 200 {
			break
		}
	}
	if taken > 200+5 || most.Load() > 4 {
		t.Errorf("took %d values for 200 results, %d at once", taken, most.Load())
	}
}

func TestMap_EarlyBreakCancels(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 4})
	var canceled atomic.Int32
	taken := 0
	for range threadpool.Map(context.Background(), p, numbers(&taken), func(ctx context.Context, n int) (int, error) {
		if n == 0 {
			return 0, nil
		}
		<-ctx.Done()
		canceled.Add(1)
		return 0, ctx.Err()
	}) {
		break
	}
	for p.Stats().Busy != 0 {
		runtime.Gosched()
	}
	if n := canceled.Load(); n > 3 {
		t.Errorf("%d cancelled", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n := 0
	for _, err := range threadpool.Map(ctx, p, numbers(&taken), func(context.Context, int) (int, error) { return 1, nil }) {
		if n++; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d results of an ended ctx", n)
	}
	for _, err := range threadpool.Map[int, int](context.Background(), p, nil, nil) {
		if err == nil {
			t.Error("nil accepted")
		}
	}
}

func TestMap_FromAWorker(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	sum, err := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (sum int, err error) {
		for v, err := range threadpool.Map(ctx, p, slices.Values([]int{1, 2, 3}), func(_ context.Context, n int) (int, error) { return n, nil }) {
			if err != nil {
				return 0, err
			}
			sum += v
		}
		return sum, nil
	}).Wait(soon)
	if sum != 6 || err != nil {
		t.Errorf("%d, %v", sum, err)
	}
}

func TestPool_SlowJobIsNamedWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Log)
		p, err := threadpool.New(threadpool.Config{Max: 2, SlowJob: time.Second, Logger: log.Logger()})
		if err != nil {
			t.Fatal(err)
		}
		res := threadpool.DeferToThread(context.Background(), p, dawdle)
		_, _ = threadpool.DeferToThread(context.Background(), p, one).Wait(soon)
		time.Sleep(10 * time.Second)
		if n := strings.Count(log.String(), "runs long"); n != 1 || !strings.Contains(log.String(), "dawdle") {
			t.Errorf("reported %d times:\n%s", n, log)
		}
		if s := p.Stats(); s.Slow != 1 {
			t.Errorf("%d counted", s.Slow)
		}
		if _, err := res.Wait(time.Hour); err != nil {
			t.Error(err)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func dawdle(context.Context) (int, error) {
	time.Sleep(time.Minute)
	return 0, nil
}

// TestPool_StateMachine runs random submissions, cancels, resizings and a stop
// against a model that knows only what must hold: how many run, and that every
// accepted job ends once.
func TestPool_StateMachine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			limit := rapid.IntRange(0, 3).Draw(rt, "limit")
			size := rapid.IntRange(1, 4).Draw(rt, "max")
			p, err := threadpool.New(threadpool.Config{Max: size, QueueLimit: limit, IdleTimeout: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			type submitted struct {
				res     *eventual.Result[int]
				release chan struct{}
			}
			var (
				mu      sync.Mutex // guards now and ran
				now     int
				ran     int
				jobs    []submitted
				refused int
			)
			running := func() int {
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				return now
			}
			rt.Repeat(map[string]func(*rapid.T){
				"submit": func(rt *rapid.T) {
					how := rapid.IntRange(0, 2).Draw(rt, "how it ends")
					j := submitted{release: make(chan struct{})}
					j.res = threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
						mu.Lock()
						now++
						ran++
						mu.Unlock()
						defer func() {
							mu.Lock()
							defer mu.Unlock()
							now--
						}()
						<-j.release
						switch how {
						case 1:
							panic("bang")
						case 2:
							runtime.Goexit()
						}
						return 1, nil
					})
					if _, err := j.res.Wait(0); errors.Is(err, threadpool.ErrQueueFull) {
						refused++
						if limit == 0 {
							rt.Fatal("an unbounded queue is full")
						}
						return
					}
					jobs = append(jobs, j)
				},
				"release": func(rt *rapid.T) {
					if len(jobs) > 0 {
						i := rapid.IntRange(0, len(jobs)-1).Draw(rt, "which")
						select {
						case <-jobs[i].release:
						default:
							close(jobs[i].release)
						}
					}
				},
				"cancel": func(rt *rapid.T) {
					if len(jobs) > 0 {
						jobs[rapid.IntRange(0, len(jobs)-1).Draw(rt, "which")].res.Cancel()
					}
				},
				"resize": func(rt *rapid.T) {
					next := rapid.IntRange(1, 4).Draw(rt, "max")
					if err := p.AdjustPoolSize(0, next); err != nil {
						rt.Fatal(err)
					}
					if next < size { // those that run may go on
						for _, j := range jobs {
							select {
							case <-j.release:
							default:
								close(j.release)
							}
						}
					}
					size = next
				},
				"pass time": func(*rapid.T) { time.Sleep(3 * time.Second) },
				"": func(rt *rapid.T) {
					if n := running(); n > size {
						rt.Fatalf("%d run at Max %d", n, size)
					}
					pending := 0
					for _, j := range jobs {
						if _, done := j.res.Peek(); !done {
							pending++
						}
					}
					if n := running(); n < min(pending, size) {
						rt.Fatalf("%d run, %d pending, Max %d", n, pending, size)
					}
				},
			})
			for _, j := range jobs {
				select {
				case <-j.release:
				default:
					close(j.release)
				}
			}
			if err := p.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			for _, j := range jobs {
				if _, done := j.res.Peek(); !done {
					t.Error("a job was lost")
				}
			}
			if n := running(); n != 0 {
				t.Errorf("%d run after Stop", n)
			}
		})
	})
}

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

func ExampleDeferToThread() {
	pool, err := threadpool.New(threadpool.Config{Name: "files", Max: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Stop(context.Background())

	read := func(context.Context) (string, error) { return "contents", nil } // may block
	fmt.Println(threadpool.DeferToThread(context.Background(), pool, read).Wait(time.Second))
	// Output: contents <nil>
}

func ExampleMap() {
	pool, err := threadpool.New(threadpool.Config{Max: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Stop(context.Background())

	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	for v, err := range threadpool.Map(context.Background(), pool, slices.Values([]int{1, 2, 3}), double) {
		fmt.Println(v, err)
	}
	// Output:
	// 2 <nil>
	// 4 <nil>
	// 6 <nil>
}
