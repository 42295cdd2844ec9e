package comingfrom_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

func visitSite(ctx context.Context, site string) (int, error) {
	switch site {
	case "broken":
		return 0, errors.New("no route to host")
	case "slow":
		<-ctx.Done() // cancelled by the first failure
		return 0, context.Cause(ctx)
	}
	return 200, nil
}

func Example_errgroup() {
	ctx := context.Background()
	pool, err := threadpool.New(threadpool.Config{Max: 4}) // SetLimit(4)
	if err != nil {
		panic(err)
	}
	defer pool.Stop(ctx)

	visit := func(sites ...string) *eventual.Result[[]int] {
		var all []*eventual.Result[int]
		for _, site := range sites {
			all = append(all, threadpool.DeferToThread(ctx, pool, func(ctx context.Context) (int, error) {
				return visitSite(ctx, site)
			}))
		}
		return eventual.All(all...)
	}
	fmt.Println(visit("a", "b", "c").Wait(time.Second)) // the values, in order, and no variable to guard
	fmt.Println(visit("a", "slow", "broken").Wait(time.Second))
	// Output:
	// [200 200 200] <nil>
	// [] result 2: no route to host
}
