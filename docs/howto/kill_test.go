//go:build unix

package howto_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/trestle-go/trestle/procpool"
)

// What workers can do is registered under a name, in a package variable.
var (
	factor = procpool.Register("factor", func(_ context.Context, n int) (int, error) {
		for f := 2; ; f++ { // for a bad n this never ends, and it does not look at its ctx
			if n%f == 0 {
				return f, nil
			}
		}
	})
	crash = procpool.Register("crash", func(context.Context, int) (int, error) {
		os.Exit(3)
		return 0, nil
	})
)

func Example_kill() {
	procpool.ServeIfWorker() // first in main: in a worker it serves jobs and never returns
	ctx := context.Background()
	pool, err := procpool.New(procpool.Config{
		Name:       "factors",
		Max:        2,
		JobTimeout: time.Second,            // then the job is asked to stop,
		Grace:      100 * time.Millisecond, // and after that its worker is killed
	})
	if err != nil {
		panic(err)
	}

	fmt.Println(procpool.DeferToProcess(ctx, pool, factor, 91).Wait(30 * time.Second))

	// A prime larger than anybody has time for.
	_, err = procpool.DeferToProcess(ctx, pool, factor, 1<<61-1).Wait(30 * time.Second)
	if late := (*procpool.TimeoutError)(nil); errors.As(err, &late) {
		fmt.Println("killed:", late.Killed)
	}

	// A worker that dies fails the one job that it had.
	_, err = procpool.DeferToProcess(ctx, pool, crash, 0).Wait(30 * time.Second)
	if exit := (*procpool.WorkerExitError)(nil); errors.As(err, &exit) {
		fmt.Println("died:", exit.Reason, exit.Code)
	}

	// The next job finds a worker as if nothing had been.
	fmt.Println(procpool.DeferToProcess(ctx, pool, factor, 35).Wait(30 * time.Second))
	fmt.Println(pool.Stop(ctx))
	// Output:
	// 7 <nil>
	// killed: true
	// died: exited 3
	// 5 <nil>
	// <nil>
}
