package eventual_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

func ExampleGo() {
	res := eventual.Go(context.Background(), func(context.Context) (int, error) { return 6 * 7, nil })
	fmt.Println(res.Wait(time.Second))
	// Output: 42 <nil>
}

func ExampleResult_Wait() {
	res, settle := eventual.New[string](nil)

	_, err := res.Wait(time.Millisecond)
	fmt.Println(errors.Is(err, eventual.ErrTimeout))

	settle("late, and not lost", nil)
	fmt.Println(res.Wait(time.Second))
	// Output:
	// true
	// late, and not lost <nil>
}

func ExampleResult_Cancel() {
	res := eventual.Go(context.Background(), func(ctx context.Context) (int, error) {
		<-ctx.Done() // work that is asked to stop
		return 0, context.Cause(ctx)
	})
	res.Cancel()

	_, err := res.Wait(time.Second)
	fmt.Println(errors.Is(err, eventual.ErrCanceled), errors.Is(err, context.Canceled))
	// Output: true true
}

func ExampleResult_OnDone() {
	res, settle := eventual.New[string](nil)
	res.OnDone(func() {
		o, _ := res.Peek()
		fmt.Println(o.Value, o.Err)
	})

	settle("told without waiting", nil)
	// Output: told without waiting <nil>
}

func ExampleResult_WaitContext() {
	res, _ := eventual.New[int](nil) // never settled
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the user has left"))

	_, err := res.WaitContext(ctx)
	fmt.Println(err)
	// Output: eventual: waiting for a result: the user has left
}

func ExampleOnUnhandled() {
	full := errors.New("disk full")
	restore := eventual.OnUnhandled(func(err error) {
		if errors.Is(err, full) { // it is told of all failures in the process
			fmt.Println(err)
		}
	})
	defer restore()

	res := eventual.Failed[int](full)
	res.Abandon() // reports at once what else is reported when res is garbage
	// Output: eventual: unhandled failure: disk full
}

func ExampleNew() {
	// An interface with callbacks, turned into a result.
	lookUp := func(name string, done func(addr string)) { go done("192.0.2.1") }

	res, settle := eventual.New[string](nil)
	lookUp("example.org", func(addr string) { settle(addr, nil) })
	fmt.Println(res.Wait(time.Second))
	// Output: 192.0.2.1 <nil>
}

func ExampleAll() {
	ctx := context.Background()
	square := func(n int) *eventual.Result[int] {
		return eventual.Go(ctx, func(context.Context) (int, error) { return n * n, nil })
	}
	fmt.Println(eventual.All(square(1), square(2), square(3)).Wait(time.Second))
	// Output: [1 4 9] <nil>
}

func ExampleFirst() {
	mirror, answer := eventual.New[string](nil)
	answer("from the mirror", nil)
	down := eventual.Failed[string](errors.New("connection refused"))
	fmt.Println(eventual.First(down, mirror).Wait(time.Second))
	// Output: from the mirror <nil>
}

func ExampleThen() {
	length := eventual.Then(eventual.Of("four"), func(s string) (int, error) { return len(s), nil })
	fmt.Println(length.Wait(time.Second))
	// Output: 4 <nil>
}

func ExampleLatest() {
	var rate eventual.Latest[float64]
	next := rate.Next()
	rate.Set(1.07)
	rate.Set(1.08)

	fmt.Println(next.Wait(time.Second)) // the first change after Next
	v, _, ok := rate.Load()
	fmt.Println(v, ok)
	// Output:
	// 1.07 <nil>
	// 1.08 true
}

func ExampleDeferred() {
	d := eventual.NewDeferred[int](nil).
		AddCallback(func(n int) (int, error) {
			if n < 0 {
				return 0, errors.New("negative")
			}
			return n * 2, nil
		}).
		AddErrback(func(err error) (int, error) { return -1, nil })

	_ = d.Callback(21)
	fmt.Println(d.Result().Wait(0))
	// Output: 42 <nil>
}

func ExampleChain() {
	user := eventual.Succeed("ann")
	greeting := eventual.Chain(user, func(name string) *eventual.Deferred[string] {
		d := eventual.NewDeferred[string](nil) // fired by whatever fetches it
		_ = d.Callback("hello, " + name)
		return d
	})
	fmt.Println(greeting.Result().Wait(0))
	// Output: hello, ann <nil>
}
