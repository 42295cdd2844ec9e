//go:build unix

package howto_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/reactor"
)

type percent int

var encodeFilm = procpool.Register("encode film", func(ctx context.Context, frames int) (string, error) {
	for n := 1; n <= frames; n++ {
		if n%(frames/4) == 0 {
			if err := procpool.Progress(ctx, percent(100*n/frames)); err != nil {
				return "", err
			}
		}
	}
	return fmt.Sprint(frames, " frames"), nil
})

func Example_progress() {
	procpool.ServeIfWorker()
	ctx := context.Background()

	// From a worker process: each report, in order, before the result is there.
	pool, err := procpool.New(procpool.Config{Name: "films", Max: 1})
	if err != nil {
		panic(err)
	}
	film := procpool.DeferWithProgress(ctx, pool, encodeFilm, 1000, func(p percent) { fmt.Print(p, " % ") })
	fmt.Println(film.Wait(30 * time.Second))
	_ = pool.Stop(ctx)

	// From a cooperative task: it keeps account, and whoever wants to know asks.
	r := reactor.New(reactor.Config{Name: "main"})
	r.Start()
	defer r.Stop(ctx)
	tasks := coiterate.New(r, coiterate.Config{})
	defer tasks.Stop()
	task := coiterate.Cooperate(ctx, tasks, func(yield func(int, error) bool) {
		for i := range 1000 {
			if !yield(i, nil) {
				return
			}
		}
	})
	_, err = task.WhenDone().Wait(time.Minute)
	fmt.Println(err)

	steps := 0
	sum := coiterate.Run(ctx, tasks, func(y *coiterate.Yielder) (int, error) {
		for n := range 1000 {
			steps += n
			y.Progress(int64(n+1), 1000)
			if err := y.Yield(); err != nil {
				return 0, err
			}
		}
		return steps, nil
	})
	fmt.Println(sum.Wait(time.Minute))
	// Output:
	// 25 % 50 % 75 % 100 % 1000 frames <nil>
	// <nil>
	// 499500 <nil>
}
