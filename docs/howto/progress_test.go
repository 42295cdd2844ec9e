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

type filmProgress struct{ Percent int }

var encodeFilm = procpool.Register("encode film", func(ctx context.Context, frames int) (string, error) {
	for n := 1; n <= frames; n++ {
		if n%(frames/4) == 0 {
			if err := procpool.Progress(ctx, filmProgress{100 * n / frames}); err != nil {
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
	film := procpool.DeferWithProgress(ctx, pool, encodeFilm, 1000, func(p filmProgress) { fmt.Print(p.Percent, " % ") })
	fmt.Println(film.Wait(30 * time.Second))
	_ = pool.Stop(ctx)

	// From a computation in slices: steps are counted, and whoever wants to know asks.
	r := reactor.New(reactor.Config{Name: "main"})
	r.Start()
	defer r.Stop(ctx)
	tasks := coiterate.New(r, coiterate.Config{})
	defer tasks.Stop()

	const chapters = 300
	words := 0 // belongs to the reactor
	count := coiterate.Cooperate(ctx, tasks.With(coiterate.TaskConfig{Total: chapters}), func(yield func(int, error) bool) {
		for n := range chapters {
			words += n
			if !yield(n, nil) {
				return
			}
		}
	})
	_, err = count.WhenDone().Wait(time.Minute)
	fmt.Printf("%+v %v\n", count.Progress(), err)
	// Output:
	// 25 % 50 % 75 % 100 % 1000 frames <nil>
	// {Done:300 Total:300} <nil>
}
