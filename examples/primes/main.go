// Command primes counts primes on all processors, in worker processes. It shows a
// progress bar, and survives the death of workers: kill one by hand while it runs.
//
//	go run ./examples/primes -to 2000000000
//	kill -9 <one of the pids that it prints>
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// span is the numbers from From up to and without To.
type span struct{ From, To uint64 }

// Counting twice does no harm, so a span whose worker died is counted again.
var countPrimes = procpool.Register("countPrimes", count).Idempotent()

type options struct {
	to, step uint64
	workers  int
	every    time.Duration
}

func main() {
	procpool.ServeIfWorker()
	var o options
	flag.Uint64Var(&o.to, "to", 500_000_000, "count the primes below this")
	flag.Uint64Var(&o.step, "step", 10_000_000, "numbers in one job")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "worker processes")
	flag.DurationVar(&o.every, "every", 100*time.Millisecond, "how often to draw the bar")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "primes: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "primes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.step == 0 || o.every <= 0 {
		return errors.New("-step and -every must be more than 0")
	}
	pool, err := procpool.New(procpool.Config{Name: "primes", Min: o.workers, Max: o.workers, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if stopErr := pool.Stop(ending); err == nil {
			err = stopErr
		}
	}()
	var counted atomic.Uint64 // numbers, for the bar
	jobs := submit(ctx, pool, o, &counted)
	bar := time.NewTicker(o.every)
	defer bar.Stop()
	all := eventual.All(jobs...)
	for {
		select {
		case <-all.Done():
			return finish(out, pool, o, all)
		case <-bar.C:
			draw(out, pool, counted.Load(), o.to)
		}
	}
}

// submit makes jobs of all numbers. Each says how far it has come.
func submit(ctx context.Context, pool *procpool.Pool, o options, counted *atomic.Uint64) (jobs []*eventual.Result[uint64]) {
	for from := uint64(0); from < o.to; from += o.step {
		s := span{from, min(from+o.step, o.to)}
		had := uint64(0) // of this job; a second worker begins anew
		jobs = append(jobs, procpool.DeferWithProgress(ctx, pool, countPrimes, s, func(done uint64) {
			counted.Add(done - had) // may wrap around, as intended
			had = done
		}))
	}
	return jobs
}

func draw(out io.Writer, pool *procpool.Pool, counted, to uint64) {
	const width = 40
	part := 1.0
	if to > 0 {
		part = min(float64(counted)/float64(to), 1)
	}
	filled := int(part * width)
	var pids []string
	for _, w := range pool.Stats().Workers {
		if w.State < procpool.Recycling && w.PID != 0 {
			pids = append(pids, fmt.Sprint(w.PID))
		}
	}
	_, _ = fmt.Fprintf(out, "\r[%s%s] %5.1f %%  workers %s ", strings.Repeat("=", filled), strings.Repeat(" ", width-filled), 100*part, strings.Join(pids, " "))
}

func finish(out io.Writer, pool *procpool.Pool, o options, all *eventual.Result[[]uint64]) error {
	parts, err := all.Wait(0)
	if err != nil {
		_, _ = fmt.Fprintln(out)
		return err
	}
	draw(out, pool, o.to, o.to)
	sum := uint64(0)
	for _, n := range parts {
		sum += n
	}
	s := pool.Stats()
	_, _ = fmt.Fprintf(out, "\n%d primes below %d; %d jobs, %d of them run again, %d workers\n", sum, o.to, len(parts), s.Retried, s.Started)
	return nil
}
