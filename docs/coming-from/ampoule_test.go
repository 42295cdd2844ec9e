//go:build unix

package comingfrom_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/procpool"
)

type addends struct{ A, B int }

// sum is what a command and its responder are in Ampoule.
var sum = procpool.Register("sum", func(_ context.Context, in addends) (int, error) {
	if in.B == 0 {
		return 0, errors.New("nothing to add")
	}
	return in.A + in.B, nil
})

func Example_ampoule() {
	procpool.ServeIfWorker() // first in main; the child is this program again
	ctx := context.Background()
	pool, err := procpool.New(procpool.Config{
		Min: 1, Max: 4,
		RecycleAfter: 500,
		JobTimeout:   30 * time.Second,
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(procpool.DeferToProcess(ctx, pool, sum, addends{3, 4}).Wait(time.Minute))

	_, err = procpool.DeferToProcess(ctx, pool, sum, addends{3, 0}).Wait(time.Minute)
	if remote := (*procpool.RemoteError)(nil); errors.As(err, &remote) {
		fmt.Println(remote.Message)
	}
	fmt.Println(pool.Stop(ctx))
	// Output:
	// 7 <nil>
	// nothing to add
	// <nil>
}
