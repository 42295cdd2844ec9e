package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

func ExampleRunInReactor() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())

	visits := 0 // only ever touched on the reactor: no lock
	visit := func(context.Context) (int, error) { visits++; return visits, nil }

	for range 2 {
		fmt.Println(reactor.RunInReactor(context.Background(), r, visit).Wait(time.Second))
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}

func ExampleInline() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())

	fetch := func(ctx context.Context) (string, error) { return "page", nil } // blocks, so it gets a goroutine
	res := reactor.Inline(context.Background(), r, func(co *reactor.Co) (string, error) {
		page, err := reactor.Await(co, eventual.Go(co.Context(), fetch)) // the reactor goes on meanwhile
		if err != nil {
			return "", err
		}
		if err := co.Sleep(time.Millisecond); err != nil {
			return "", err
		}
		return "got " + page, nil
	})
	fmt.Println(res.Wait(time.Second))
	// Output: got page <nil>
}

func ExampleWaitFor() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())

	_, err := reactor.WaitFor(context.Background(), r, 10*time.Millisecond, func(ctx context.Context) (int, error) {
		<-ctx.Done() // the timeout cancels the work
		return 0, ctx.Err()
	})
	fmt.Println(errors.Is(err, eventual.ErrTimeout))
	// Output: true
}

func ExampleLoopingCall() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())

	var l *reactor.LoopingCall
	runs := 0
	l = reactor.NewLoopingCall(r, func(t *reactor.Tick) error {
		if runs++; runs == 3 {
			l.Stop()
		}
		return nil
	}, reactor.LoopOptions{})
	_, err := l.Start(context.Background(), time.Millisecond, true).Wait(time.Second)
	fmt.Println(runs, err)
	// Output: 3 <nil>
}

func ExampleReactor_CallLater() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())

	done := make(chan struct{})
	second := r.CallLater(time.Minute, func() { fmt.Println("second"); close(done) })
	r.CallLater(time.Millisecond, func() {
		fmt.Println("first")
		second.Reset(time.Millisecond) // from a minute after the start to a millisecond from now
	})
	never := r.CallLater(time.Hour, func() { fmt.Println("never") })
	<-done
	fmt.Println(never.Cancel(), second.Cancel()) // prevented; too late
	// Output:
	// first
	// second
	// true false
}

func ExampleDeferLater() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())

	later := reactor.DeferLater(context.Background(), r, time.Millisecond, func(context.Context) (string, error) {
		return "a millisecond later", nil
	})
	fmt.Println(later.Wait(time.Second))
	// Output: a millisecond later <nil>
}

func ExampleRunDeferred() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())

	res := reactor.RunDeferred(context.Background(), r, func(context.Context) *eventual.Deferred[int] {
		d := eventual.NewDeferred[int](nil)
		r.CallLater(time.Millisecond, func() { _ = d.Callback(21) })
		return d.AddCallback(func(n int) (int, error) { return 2 * n, nil })
	})
	fmt.Println(res.Wait(time.Second))
	// Output: 42 <nil>
}

func ExampleDeferred() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())

	total := 0 // only ever touched on the reactor
	work := eventual.Go(context.Background(), func(context.Context) (int, error) { return 5, nil })
	counted := reactor.Deferred(r, work).AddCallback(func(n int) (int, error) {
		total += n
		return total, nil
	})
	fmt.Println(counted.Result().Wait(time.Second))
	// Output: 5 <nil>
}

func ExampleReact() {
	// In main: os.Exit(reactor.React(run))
	code := reactor.React(func(ctx context.Context, r *reactor.Reactor) error {
		n, err := reactor.WaitFor(ctx, r, time.Second, func(context.Context) (int, error) { return 3, nil })
		if err != nil {
			return err
		}
		return &reactor.ExitError{Code: n}
	})
	fmt.Println(code)
	// Output: 3
}

func ExampleReactor_OnShutdown() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	r.OnShutdown(reactor.Before, func(context.Context) error { fmt.Println("say goodbye"); return nil })
	r.OnShutdown(reactor.After, func(context.Context) error { fmt.Println("all is quiet"); return nil })
	fmt.Println(r.Stop(context.Background()))
	// Output:
	// say goodbye
	// all is quiet
	// <nil>
}
