package howto_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

var (
	begun = make(chan bool, 4)
	finds = make(chan string)
)

// search stands for work that heeds its ctx.
func search(ctx context.Context) (string, error) {
	begun <- true
	select {
	case what := <-finds:
		return what, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func Example_cancel() {
	pool, err := threadpool.New(threadpool.Config{Name: "search", Max: 4})
	if err != nil {
		panic(err)
	}
	defer pool.Stop(context.Background())

	// With the request: when it ends, the work does.
	request, leave := context.WithCancelCause(context.Background())
	with := threadpool.DeferToThread(request, pool, search)

	// Not with the request, whose values it still sees: work that is to be
	// finished once it was begun, or that others wait for too.
	without := threadpool.DeferToThread(context.WithoutCancel(request), pool, search)

	// Not with the request, but no longer than a minute.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(request), time.Minute)
	defer cancel()
	minute := threadpool.DeferToThread(bounded, pool, search)

	<-begun
	<-begun
	<-begun
	leave(errors.New("client has gone")) // net/http does this to req.Context()
	fmt.Println(with.Wait(time.Second))
	finds <- "a needle"
	finds <- "a needle"
	fmt.Println(without.Wait(time.Second))
	fmt.Println(minute.Wait(time.Second))

	// By whoever holds the result.
	again := threadpool.DeferToThread(context.Background(), pool, search)
	<-begun
	again.Cancel()
	_, err = again.Wait(time.Second)
	fmt.Println(errors.Is(err, eventual.ErrCanceled), errors.Is(err, context.Canceled))
	// Output:
	//  client has gone
	// a needle <nil>
	// a needle <nil>
	// true true
}
