package peers_test

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

func visitSite(ctx context.Context, site string) (int, error) {
	switch site {
	case "broken":
		return 0, errors.New("no route to host")
	case "slow":
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	return 200, nil
}

func visitSites(ctx context.Context, sites ...string) ([]int, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	codes := make([]int, len(sites)) // each goroutine has its own place
	for i, site := range sites {
		group.Go(func() (err error) {
			codes[i], err = visitSite(ctx, site)
			return err
		})
	}
	if err := group.Wait(); err != nil { // for as long as it takes
		return nil, err
	}
	return codes, nil
}

func Example_errgroup() {
	ctx := context.Background()
	fmt.Println(visitSites(ctx, "a", "b", "c"))
	fmt.Println(visitSites(ctx, "a", "slow", "broken"))
	// Output:
	// [200 200 200] <nil>
	// [] no route to host
}
