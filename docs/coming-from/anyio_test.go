package comingfrom_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

func Example_anyio() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{})
	r.Start()
	defer r.Stop(ctx)
	limiter, err := threadpool.New(threadpool.Config{Max: 2}) // a CapacityLimiter with its threads
	if err != nil {
		panic(err)
	}
	defer limiter.Stop(ctx)

	total := 0 // belongs to the reactor
	count := func(n int) func(co *reactor.Co) (struct{}, error) {
		return func(co *reactor.Co) (struct{}, error) {
			size, err := reactor.Await(co, threadpool.DeferToThread(co.Context(), limiter, func(context.Context) (int, error) {
				time.Sleep(time.Millisecond) // blocks
				return n, nil
			}))
			total += size
			return struct{}{}, err
		}
	}

	// A task group: All waits for every member; the first failure cancels the rest.
	_, err = eventual.All(
		reactor.Inline(ctx, r, count(1)),
		reactor.Inline(ctx, r, count(2)),
		reactor.Inline(ctx, r, count(3)),
	).Wait(time.Second)
	fmt.Println(err)

	// move_on_after: what is not there in time is cancelled, and we go on.
	slow := reactor.Inline(ctx, r, func(co *reactor.Co) (struct{}, error) { return struct{}{}, co.Sleep(time.Hour) })
	if _, err := slow.Wait(5 * time.Millisecond); err != nil {
		slow.Cancel()
	}

	// A blocking portal is any Result.
	fmt.Println(reactor.RunInReactor(ctx, r, func(context.Context) (int, error) { return total, nil }).Wait(time.Second))
	// Output:
	// <nil>
	// 6 <nil>
}
