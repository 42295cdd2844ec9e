package reactor_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// kinds is every way to have a result from a reactor. Some end by themselves,
// some only by a cancel or the stop.
var kinds = []func(ctx context.Context, r *reactor.Reactor) eventual.Pending{
	func(ctx context.Context, r *reactor.Reactor) eventual.Pending {
		return reactor.RunInReactor(ctx, r, one)
	},
	func(ctx context.Context, r *reactor.Reactor) eventual.Pending {
		return reactor.DeferLater(ctx, r, rand.N(time.Millisecond), one)
	},
	func(ctx context.Context, r *reactor.Reactor) eventual.Pending {
		return reactor.DeferLater(ctx, r, time.Hour, one)
	},
	func(ctx context.Context, r *reactor.Reactor) eventual.Pending {
		return reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] { return eventual.NewDeferred[int](nil) })
	},
	func(ctx context.Context, r *reactor.Reactor) eventual.Pending {
		return reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) {
			if err := co.Yield(); err != nil {
				return 0, err
			}
			return reactor.Await(co, reactor.RunInReactor(ctx, r, one))
		})
	},
	func(ctx context.Context, r *reactor.Reactor) eventual.Pending {
		return reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) {
			pending, _ := eventual.New[int](nil)
			return reactor.Await(co, pending)
		})
	},
	func(ctx context.Context, r *reactor.Reactor) eventual.Pending {
		l := reactor.NewLoopingCall(r, func(t *reactor.Tick) error { return t.Yield() }, reactor.LoopOptions{})
		return l.Start(ctx, rand.N(time.Millisecond), true)
	},
	func(ctx context.Context, r *reactor.Reactor) eventual.Pending {
		return reactor.Deferred(r, reactor.RunInReactor(ctx, r, one)).Result()
	},
}

// TestReactor_E11_StopAmongSubmissions stops reactors in the middle of
// submissions, cancels and ends of ctx: whatever came when, every result ends, and
// no goroutine is left.
func TestReactor_E11_StopAmongSubmissions(t *testing.T) {
	defer eventual.OnUnhandled(func(error) {})()
	rounds := 40
	if raceEnabled || testing.Short() {
		rounds = 10
	}
	for range rounds {
		r := reactor.New(reactor.Config{Logger: quiet()})
		r.Start()
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 40 {
					submitOne(t, ctx, r, &wg)
				}
			})
		}
		wg.Go(func() {
			time.Sleep(rand.N(2 * time.Millisecond))
			if rand.N(4) == 0 {
				cancel()
			}
			if err := r.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		cancel()
		if s := r.Stats(); s.Timers != 0 || s.Coroutines != 0 || s.Queued != 0 || s.Panics != 0 {
			t.Errorf("left behind: %+v", s)
		}
	}
}

func submitOne(t *testing.T, ctx context.Context, r *reactor.Reactor, wg *sync.WaitGroup) {
	p := kinds[rand.N(len(kinds))](ctx, r)
	ended := make(chan struct{})
	p.OnDone(func() { close(ended) })
	switch rand.N(3) { // else it is left to the stop
	case 0:
		p.Cancel()
	case 1:
		r.CallLater(rand.N(time.Millisecond), p.Cancel)
	}
	wg.Go(func() { waitOrStop(t, r, p, ended) })
}

// waitOrStop waits until p has ended, which a stop brings about if nothing else
// does.
func waitOrStop(t *testing.T, r *reactor.Reactor, p eventual.Pending, ended chan struct{}) {
	select {
	case <-ended:
	case <-r.Done():
		select {
		case <-ended:
		case <-time.After(soon):
			t.Errorf("a %T is pending after the stop", p)
		}
	}
	if res, ok := p.(*eventual.Result[int]); ok {
		_, err := res.Wait(0)
		if err != nil && !errors.Is(err, eventual.ErrStopped) && !errors.Is(err, context.Canceled) {
			t.Errorf("%T: %v", p, err)
		}
	}
}
