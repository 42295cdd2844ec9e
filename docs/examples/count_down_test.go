package examples_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// countDown is a coroutine: Sleep gives the reactor back, so that two of them
// count side by side on one goroutine.
func countDown(name string, from int, pace time.Duration) func(co *reactor.Co) (struct{}, error) {
	return func(co *reactor.Co) (struct{}, error) {
		for n := from; n > 0; n-- {
			fmt.Println(name, n)
			if err := co.Sleep(pace); err != nil {
				return struct{}{}, err // cancelled, or the reactor stops
			}
		}
		fmt.Println(name, "lift-off")
		return struct{}{}, nil
	}
}

func Example_countDown() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "launch"})
	slow := reactor.Inline(ctx, r, countDown("slow", 2, 500*time.Millisecond))
	fast := reactor.Inline(ctx, r, countDown("fast", 2, 10*time.Millisecond))
	r.Start()
	defer r.Stop(ctx)

	_, err := eventual.All(slow, fast).Wait(time.Minute)
	fmt.Println(err)
	// Output:
	// slow 2
	// fast 2
	// fast 1
	// fast lift-off
	// slow 1
	// slow lift-off
	// <nil>
}
