package eventual_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

func ExampleThenDeferred() {
	d := eventual.NewDeferred[int](nil)
	text := eventual.ThenDeferred(d, func(n int) (string, error) { return fmt.Sprintf("%d items", n), nil })

	_ = d.Callback(3)
	fmt.Println(text.Result().Wait(0))
	// Output: 3 items <nil>
}

func ExampleDeferredList() {
	ds := []*eventual.Deferred[int]{eventual.Succeed(1), eventual.Fail[int](errors.New("no answer"))}
	all := eventual.DeferredList(eventual.ListOptions{ConsumeErrors: true}, ds...)

	outcomes, _ := all.Result().Wait(0)
	for _, o := range outcomes {
		fmt.Println(o.Value, o.Err)
	}
	// Output:
	// 1 <nil>
	// 0 no answer
}

func ExampleGatherResults() {
	a, b := eventual.NewDeferred[int](nil), eventual.NewDeferred[int](nil)
	sum := eventual.ThenDeferred(eventual.GatherResults(a, b), func(ns []int) (int, error) { return ns[0] + ns[1], nil })

	_ = b.Callback(2)
	_ = a.Callback(1)
	fmt.Println(sum.Result().Wait(0))
	// Output: 3 <nil>
}

func ExampleRace() {
	slow := eventual.NewDeferred(func(*eventual.Deferred[string]) { fmt.Println("the slow one is cancelled") })
	fast := eventual.NewDeferred[string](nil)
	first := eventual.Race(slow, fast)

	_ = fast.Callback("mirror")
	w, err := first.Result().Wait(0)
	fmt.Println(w.Index, w.Value, err)
	// Output:
	// the slow one is cancelled
	// 1 mirror <nil>
}

func ExampleDeferred_Cancel() {
	request := eventual.NewDeferred(func(*eventual.Deferred[string]) { fmt.Println("the request is taken back") })
	parsed := eventual.ThenDeferred(request, func(s string) (int, error) { return len(s), nil })

	parsed.Cancel() // reaches what is pending, however long the chain
	_, err := parsed.Result().Wait(0)
	fmt.Println(errors.Is(err, eventual.ErrCanceled))
	// Output:
	// the request is taken back
	// true
}

func ExampleDeferred_Pause() {
	d := eventual.NewDeferred[int](nil).AddCallback(func(n int) (int, error) { fmt.Println("got", n); return n, nil })
	d.Pause()
	_ = d.Callback(1)
	fmt.Println("paused")
	d.Unpause()
	// Output:
	// paused
	// got 1
}

func ExampleRun() {
	var lock eventual.Lock
	answer := eventual.NewDeferred[int](nil)
	one := eventual.Run(&lock, func() *eventual.Deferred[int] { fmt.Println("one has it"); return answer })
	two := eventual.Run(&lock, func() *eventual.Deferred[int] { fmt.Println("two has it"); return eventual.Succeed(2) })

	_, done := two.Peek()
	fmt.Println("two is done:", done)
	_ = answer.Callback(1)
	fmt.Println(eventual.GatherResults(one, two).Result().Wait(0))
	// Output:
	// one has it
	// two is done: false
	// two has it
	// [1 2] <nil>
}

func ExampleSemaphore() {
	sem, err := eventual.NewSemaphore(2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 3 {
		sem.Acquire().AddCallback(func(struct{}) (struct{}, error) {
			fmt.Println("holder", i)
			return struct{}{}, nil
		})
	}
	fmt.Println("one is given back")
	_ = sem.Release()
	// Output:
	// holder 0
	// holder 1
	// one is given back
	// holder 2
}

func ExampleQueue() {
	q := eventual.Queue[string]{Size: 1}
	got := q.Get()
	_ = q.Put("for the one who waits")
	_ = q.Put("kept")
	fmt.Println(q.Put("too many"))
	fmt.Println(got.Result().Wait(0))
	// Output:
	// eventual: queue overflow
	// for the one who waits <nil>
}

func ExampleSettle() {
	results := eventual.Settle(eventual.Of(1), eventual.Failed[int](errors.New("no answer")))
	outcomes, _ := results.Wait(time.Second)
	for _, o := range outcomes {
		fmt.Println(o.Value, o.Err)
	}
	// Output:
	// 1 <nil>
	// 0 no answer
}

func ExampleMap() {
	n := eventual.Of(20)
	fmt.Println(eventual.Map(n, func(n int) string { return fmt.Sprint(n * 2) }).Wait(time.Second))
	// Output: 40 <nil>
}

func ExampleLatest_Watch() {
	var rate eventual.Latest[int]
	rate.Set(1)
	for v := range rate.Watch(context.Background()) {
		fmt.Println(v)
		if v == 3 {
			break
		}
		rate.Set(v + 1) // usually somebody else's
	}
	// Output:
	// 1
	// 2
	// 3
}

func ExampleOnPanic() {
	restore := eventual.OnPanic(func(p *eventual.PanicError) { fmt.Println("seen:", p.Value) })
	defer restore()

	_, err := eventual.Go(context.Background(), func(context.Context) (int, error) { panic("oh") }).Wait(time.Second)
	fmt.Println(err)
	// Output:
	// seen: oh
	// panic: oh
}
