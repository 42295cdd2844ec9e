package reactor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// TestReactor_E16_ReactorsInSeveralBubbles, one after the other and at once: each
// lives on its own clock.
func TestReactor_E16_ReactorsInSeveralBubbles(t *testing.T) {
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 3 {
				synctest.Test(t, inABubble)
			}
		})
	}
}

func inABubble(t *testing.T) {
	ctx := context.Background()
	begun := time.Now()
	r := reactor.New(reactor.Config{})
	r.Start()
	d := eventual.NewDeferred[int](nil).AddTimeout(r, time.Minute)
	timedOut := d.Result()
	co := reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) {
		slow := eventual.Go(ctx, func(context.Context) (int, error) { time.Sleep(time.Hour); return 5, nil })
		return reactor.Await(co, slow)
	})
	if _, err := co.Wait(time.Second); !errors.Is(err, eventual.ErrTimeout) || time.Since(begun) != time.Second {
		t.Errorf("%v, after %v", err, time.Since(begun))
	}
	if _, err := timedOut.Wait(2 * time.Hour); !errors.Is(err, eventual.ErrTimeout) || time.Since(begun) != time.Minute {
		t.Errorf("the Deferred: %v, after %v", err, time.Since(begun))
	}
	if v, err := co.Wait(2 * time.Hour); v != 5 || err != nil || time.Since(begun) != time.Hour {
		t.Errorf("the coroutine: %d, %v, after %v", v, err, time.Since(begun))
	}
	if err := r.Stop(ctx); err != nil {
		t.Error(err)
	}
}
