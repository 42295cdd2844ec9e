package concepts_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

// TestRefusedOnTheLoop: what docs/blocking.md calls refused is refused at once, on
// the loop and in a coroutine.
func TestRefusedOnTheLoop(t *testing.T) {
	r, stop := newReactor()
	defer stop()
	ctx := context.Background()
	pool, err := threadpool.New(threadpool.Config{Max: 1, QueueLimit: 1, BlockWhenFull: true})
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	defer func() { close(release); _ = pool.Stop(ctx) }()
	begun := make(chan struct{})
	blocker := func(context.Context) (int, error) { close(begun); <-release; return 0, nil }
	threadpool.DeferToThread(ctx, pool, blocker)
	<-begun
	threadpool.DeferToThread(ctx, pool, func(context.Context) (int, error) { return 0, nil }) // the queue is full now
	pending, settle := eventual.New[int](nil)
	defer settle(0, nil)
	nothing := func(context.Context) (int, error) { return 0, nil }

	refused := map[string]func() error{
		"Result.Wait":            func() error { _, err := pending.Wait(time.Minute); return err },
		"Result.WaitContext":     func() error { _, err := pending.WaitContext(ctx); return err },
		"WaitFor":                func() error { _, err := reactor.WaitFor(ctx, r, time.Minute, nothing); return err },
		"BlockingCallFromThread": func() error { _, err := reactor.BlockingCallFromThread(ctx, r, nothing); return err },
		"DeferToThread":          func() error { _, err := threadpool.DeferToThread(ctx, pool, nothing).Wait(0); return err },
		"Map": func() error {
			for _, err := range threadpool.Map(ctx, pool, slices.Values([]int{1}), func(context.Context, int) (int, error) { return 0, nil }) {
				return err
			}
			return nil
		},
		"Latest.Watch": func() error {
			var l eventual.Latest[int]
			for range l.Watch(ctx) {
				return errors.New("a value came from nowhere")
			}
			return eventual.ErrWaitInReactor // the range has ended
		},
	}
	for name, call := range refused {
		t.Run(name, func(t *testing.T) {
			onLoop := reactor.RunInReactor(ctx, r, func(context.Context) (struct{}, error) { return struct{}{}, call() })
			if _, err := onLoop.Wait(10 * time.Second); !errors.Is(err, eventual.ErrWaitInReactor) {
				t.Errorf("on the loop: %v", err)
			}
			inCoroutine := reactor.Inline(ctx, r, func(*reactor.Co) (struct{}, error) { return struct{}{}, call() })
			if _, err := inCoroutine.Wait(10 * time.Second); !errors.Is(err, eventual.ErrWaitInReactor) {
				t.Errorf("in a coroutine: %v", err)
			}
		})
	}
}

// TestFourEndsAreFour: the errors that docs/concepts/cancellation.md tells apart do
// not match each other.
func TestFourEndsAreFour(t *testing.T) {
	ends := []error{eventual.ErrTimeout, eventual.ErrCanceled, context.DeadlineExceeded, eventual.ErrStopped}
	for i, err := range ends {
		for j, target := range ends {
			if errors.Is(err, target) != (i == j) {
				t.Errorf("%v matches %v: %v", err, target, i != j)
			}
		}
	}
}
