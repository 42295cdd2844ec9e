package comingfrom_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trestle-go/trestle/threadpool"
)

func lengthOf(_ context.Context, word string) (int, error) {
	if word == "" {
		return 0, fmt.Errorf("no word")
	}
	return len(word), nil
}

func Example_concurrentFutures() {
	ctx := context.Background()
	pool, err := threadpool.New(threadpool.Config{Name: "words", Max: 4})
	if err != nil {
		panic(err)
	}
	defer pool.Stop(ctx) // waits, as leaving the with block does

	// executor.submit, future.result
	one := threadpool.DeferToThread(ctx, pool, func(ctx context.Context) (int, error) { return lengthOf(ctx, "future") })
	fmt.Println(one.Wait(time.Second))

	// executor.map
	words := slices.Values([]string{"lazy", "", "eager"})
	for n, err := range threadpool.Map(ctx, pool, words, lengthOf) {
		fmt.Println(n, err)
	}
	// Output:
	// 6 <nil>
	// 4 <nil>
	// 0 no word
	// 5 <nil>
}
