package examples_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// slowSquare gives the square of n after a while, by a callback.
func slowSquare(r *reactor.Reactor, n int) *eventual.Deferred[int] {
	d := eventual.NewDeferred[int](nil)
	r.CallLater(10*time.Millisecond, func() { _ = d.Callback(n * n) })
	return d
}

// sumOfSquares is the same work as a coroutine: it reads from top to bottom.
func sumOfSquares(r *reactor.Reactor, ns ...int) func(co *reactor.Co) (int, error) {
	return func(co *reactor.Co) (int, error) {
		sum := 0
		for _, n := range ns {
			square, err := reactor.Await(co, slowSquare(r, n))
			if err != nil {
				return 0, err
			}
			sum += square
		}
		return sum, nil
	}
}

func Example_slowSquare() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "squares"})
	r.Start()
	defer r.Stop(ctx)

	// With callbacks. The function runs on the reactor; Wait is where we block.
	n, err := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[int] {
		return slowSquare(r, 5).AddCallback(func(n int) (int, error) {
			fmt.Println("callback got", n)
			return n + 1, nil
		})
	}).Wait(time.Second)
	fmt.Println(n, err)

	// As a coroutine.
	fmt.Println(reactor.Inline(ctx, r, sumOfSquares(r, 3, 4)).Wait(time.Second))
	// Output:
	// callback got 25
	// 26 <nil>
	// 25 <nil>
}
