package peers_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sourcegraph/conc/pool"
)

func Example_conc() {
	visit := func(sites ...string) ([]int, error) {
		p := pool.NewWithResults[int]().WithContext(context.Background()).WithMaxGoroutines(4).WithFirstError().WithCancelOnError()
		for _, site := range sites {
			p.Go(func(ctx context.Context) (int, error) {
				switch site {
				case "broken":
					return 0, errors.New("no route to host")
				case "slow":
					<-ctx.Done()
					return 0, ctx.Err()
				}
				return 200, nil
			})
		}
		return p.Wait()
	}
	fmt.Println(visit("a", "b", "c"))
	_, err := visit("a", "slow", "broken")
	fmt.Println(err)
	// Output:
	// [200 200 200] <nil>
	// no route to host
}
