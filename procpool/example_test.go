package procpool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trestle-go/trestle/procpool"
)

// Functions are registered in package variables, so that workers have them too.
var shout = procpool.Register("shout", func(_ context.Context, s string) (string, error) {
	if s == "" {
		return "", errors.New("nothing to shout")
	}
	return strings.ToUpper(s) + "!", nil
})

// The main function of a program with workers begins with ServeIfWorker; in tests
// that is TestMain.
func ExampleDeferToProcess() {
	pool, err := procpool.New(procpool.Config{Name: "voices", Max: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	fmt.Println(procpool.DeferToProcess(ctx, pool, shout, "hello").Wait(time.Minute))
	_, err = procpool.DeferToProcess(ctx, pool, shout, "").Wait(time.Minute)
	var remote *procpool.RemoteError
	fmt.Println(errors.As(err, &remote), remote.Type, remote.Message)
	fmt.Println(pool.Stop(ctx))
	// Output:
	// HELLO! <nil>
	// true *errors.errorString nothing to shout
	// <nil>
}

var sum = procpool.Register("sum", func(ctx context.Context, numbers []int) (total int, err error) {
	for _, n := range numbers {
		price, err := procpool.CallParent[int, int](ctx, "price", n)
		if err != nil {
			return 0, err
		}
		total += price
		if err := procpool.Progress(ctx, total); err != nil {
			return 0, err
		}
	}
	return total, nil
})

func ExampleDeferWithProgress() {
	prices := map[int]int{1: 100, 2: 250}
	pool, err := procpool.New(procpool.Config{Max: 1, ParentFuncs: procpool.ParentFuncs{
		"price": procpool.Answer(func(_ context.Context, n int) (int, error) { return prices[n], nil }),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	r := procpool.DeferWithProgress(ctx, pool, sum, []int{1, 2, 1}, func(soFar int) { fmt.Println("so far", soFar) })
	fmt.Println(r.Wait(time.Minute))
	fmt.Println(pool.Stop(ctx))
	// Output:
	// so far 100
	// so far 350
	// so far 450
	// 450 <nil>
	// <nil>
}
