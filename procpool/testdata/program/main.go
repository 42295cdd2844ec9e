// Command program is what a test has go run build and start.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/trestle-go/trestle/procpool"
)

var (
	square = procpool.Register("square", func(_ context.Context, n int) (int, error) { return n * n, nil })
	forget = procpool.Register("forget", func(context.Context, int) (int, error) { time.Sleep(time.Hour); return 0, nil }) // not for ever, which the runtime might take for a deadlock
)

func main() {
	procpool.ServeIfWorker()
	how := ""
	if len(os.Args) > 1 {
		how = os.Args[1]
	}
	if err := run(how); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(how string) error {
	ctx := context.Background()
	pool, err := procpool.New(procpool.Config{Min: 2, Max: 2})
	if err != nil {
		return err
	}
	n, err := procpool.DeferToProcess(ctx, pool, square, 12).Wait(time.Minute)
	if err != nil {
		return err
	}
	fmt.Println(n)
	if how == "" {
		return pool.Stop(ctx)
	}
	interrupted := make(chan os.Signal, 1)
	if how == "stops the pool" {
		signal.Notify(interrupted, os.Interrupt)
	}
	procpool.DeferToProcess(ctx, pool, forget, 1)
	for !busy(pool) {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("busy")
	<-interrupted
	atOnce, cancel := context.WithCancel(ctx)
	cancel()
	err = pool.Stop(atOnce)
	fmt.Println("stopped:", err)
	return nil
}

func busy(pool *procpool.Pool) bool {
	for _, w := range pool.Stats().Workers {
		if w.State == procpool.Busy {
			return true
		}
	}
	return false
}
