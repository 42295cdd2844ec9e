package threadpool_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trestle-go/trestle/threadpool"
)

func ExampleDeferToThread() {
	pool, err := threadpool.New(threadpool.Config{Name: "files", Max: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Stop(context.Background())

	read := func(context.Context) (string, error) { return "contents", nil } // may block
	fmt.Println(threadpool.DeferToThread(context.Background(), pool, read).Wait(time.Second))
	// Output: contents <nil>
}

func ExampleMap() {
	pool, err := threadpool.New(threadpool.Config{Max: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Stop(context.Background())

	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	for v, err := range threadpool.Map(context.Background(), pool, slices.Values([]int{1, 2, 3}), double) {
		fmt.Println(v, err)
	}
	// Output:
	// 2 <nil>
	// 4 <nil>
	// 6 <nil>
}
