package howto_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

func Example_slice() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "main"})
	r.Start()
	defer r.Stop(ctx)
	tasks := coiterate.New(r, coiterate.Config{Slice: 5 * time.Millisecond})
	defer tasks.Stop()

	// State of the reactor: a table that a long computation changes bit by bit,
	// and that others may look at in between.
	table := make([]int, 1_000_000)
	sum := coiterate.Run(ctx, tasks, func(y *coiterate.Yielder) (int, error) {
		sum := 0
		for i := range table {
			table[i] = i % 10
			sum += table[i]
			y.Progress(int64(i+1), int64(len(table)))
			if err := y.Yield(); err != nil { // a few nanoseconds while nobody else waits
				return 0, err
			}
		}
		return sum, nil
	})

	// The reactor answers meanwhile.
	fmt.Println(reactor.RunInReactor(ctx, r, func(context.Context) (string, error) { return "still here", nil }).Wait(time.Second))
	fmt.Println(sum.Wait(time.Minute))

	// A sequence is a task too: each step is where it may be interrupted. A step
	// that yields a Result waits for it without holding anybody up.
	pages := 0
	fmt.Println(coiterate.Coiterate(ctx, tasks, func(yield func(*eventual.Result[string]) bool) {
		for range 3 {
			page := eventual.Go(ctx, func(context.Context) (string, error) { return "page", nil })
			if !yield(page) {
				return
			}
			pages++
		}
	}).Wait(time.Second))
	fmt.Println(pages)
	// Output:
	// still here <nil>
	// 4500000 <nil>
	// {} <nil>
	// 3
}
