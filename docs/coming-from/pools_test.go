package comingfrom_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

func Example_pools() {
	ctx := context.Background()
	pool, err := threadpool.New(threadpool.Config{Name: "images", Max: 2, QueueLimit: 100})
	if err != nil {
		panic(err)
	}

	resize := func(width int) *eventual.Result[string] {
		return threadpool.DeferToThread(ctx, pool, func(context.Context) (string, error) {
			if width == 0 {
				panic("no width")
			}
			return fmt.Sprintf("%d px", width), nil
		})
	}
	outcomes, _ := eventual.Settle(resize(100), resize(0), resize(300)).Wait(time.Second)
	for _, o := range outcomes {
		if bug := (*eventual.PanicError)(nil); errors.As(o.Err, &bug) {
			fmt.Println("panicked:", bug.Value) // and bug.Stack says where
			continue
		}
		fmt.Println(o.Value)
	}
	fmt.Println(pool.Stop(ctx))
	// Output:
	// 100 px
	// panicked: no width
	// 300 px
	// <nil>
}
