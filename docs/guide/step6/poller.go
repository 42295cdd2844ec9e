package main

import (
	"context"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// Poll fetches rates for book again and again, until ctx ends or the reactor
// stops. fetch may block.
func Poll(ctx context.Context, book *Book, every time.Duration, fetch func(context.Context) (map[string]float64, error)) *eventual.Result[struct{}] {
	loop := reactor.NewLoopingCall(book.r, func(t *reactor.Tick) error {
		// On the reactor. Await gives it back until the fetch, which has a
		// goroutine of its own, is done.
		rates, err := reactor.Await(t.Co, eventual.Go(t.Context(), fetch))
		if err != nil {
			return err // logged, and tried again
		}
		book.Set(rates) // on the reactor again
		return nil
	}, reactor.LoopOptions{
		Jitter:  0.1,
		BackOff: reactor.BackOff{Initial: time.Second, Max: time.Minute},
	})
	return loop.Start(ctx, every, true)
}
