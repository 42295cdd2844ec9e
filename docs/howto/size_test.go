package howto_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// burst has n jobs of 5 ms each done by a pool of the given size, and returns how
// long it took.
func burst(n, size int) (time.Duration, threadpool.Stats) {
	ctx := context.Background()
	pool, err := threadpool.New(threadpool.Config{Name: "sized", Max: size})
	if err != nil {
		panic(err)
	}
	began := time.Now()
	var all []*eventual.Result[struct{}]
	for range n {
		all = append(all, threadpool.DeferToThread(ctx, pool, func(context.Context) (struct{}, error) {
			time.Sleep(5 * time.Millisecond) // waits for something, as most blocking calls do
			return struct{}{}, nil
		}))
	}
	if _, err := eventual.All(all...).Wait(time.Minute); err != nil {
		panic(err)
	}
	took := time.Since(began)
	_ = pool.Stop(ctx)
	return took, pool.Stats()
}

func Example_size() {
	const jobs = 200
	small, smallStats := burst(jobs, 2)
	large, largeStats := burst(jobs, 20)
	fmt.Println("twenty are faster than two:", large < small)
	fmt.Println("and jobs wait less:", largeStats.Wait.P50 < smallStats.Wait.P50)
	fmt.Println(smallStats.Succeeded, largeStats.Succeeded)
	// Output:
	// twenty are faster than two: true
	// and jobs wait less: true
	// 200 200
}
