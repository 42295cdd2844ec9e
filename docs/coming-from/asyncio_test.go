package comingfrom_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// brew is a coroutine.
func brew(what string, takes time.Duration) func(co *reactor.Co) (string, error) {
	return func(co *reactor.Co) (string, error) {
		if err := co.Sleep(takes); err != nil {
			return "", err
		}
		return what, nil
	}
}

func Example_asyncio() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{})
	r.Start()
	defer r.Stop(ctx)

	// create_task and gather
	tea := reactor.Inline(ctx, r, brew("tea", 10*time.Millisecond))
	coffee := reactor.Inline(ctx, r, brew("coffee", 5*time.Millisecond))
	fmt.Println(eventual.All(tea, coffee).Wait(time.Second))

	// wait_for: the timeout cancels the task. Here it is the ctx's.
	bounded, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	_, err := reactor.Inline(bounded, r, brew("a fine wine", time.Hour)).Wait(time.Second)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))

	// to_thread, and back: any goroutine may wait for what the loop does.
	fmt.Println(eventual.Go(ctx, func(ctx context.Context) (string, error) {
		return reactor.BlockingCallFromThread(ctx, r, func(context.Context) (string, error) {
			return "on the loop", nil
		})
	}).Wait(time.Second))
	// Output:
	// [tea coffee] <nil>
	// true
	// on the loop <nil>
}
