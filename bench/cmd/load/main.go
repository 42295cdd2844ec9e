// Command load puts load on the example flaskish, as a program of its own over real
// connections, and prints what it does. Run it in the directory bench, on a machine
// that does nothing else:
//
//	go run ./cmd/load             # about a minute and a half
//	go run ./cmd/load -rounds 1   # less, and less precise
//
// The first table is of GET /api/rates under wrk (Debian's package of that name),
// beside the same response served by handlers as one writes them on net/http: one
// that encodes what a mutex guards for each request, and one that keeps the bytes.
// All take turns; the figures are medians of the rounds.
//
// The second table is of GET /download, which runs in a pool of two threads, when ten
// times as many visitors come as it can serve: what was served, what was refused, and
// how long each took.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type plan struct {
	rounds      int
	length      time.Duration // of each measurement
	connections int
	times       int // how much more than can be served
}

func main() {
	p := plan{}
	flag.IntVar(&p.rounds, "rounds", 5, "how often each server has its turn")
	flag.DurationVar(&p.length, "length", 3*time.Second, "how long each turn takes")
	flag.IntVar(&p.connections, "connections", 64, "connections of wrk")
	flag.IntVar(&p.times, "overload", 10, "how many times as much as can be served is asked for; 0: no overload")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func (p plan) run(ctx context.Context) error {
	if p.rounds < 1 || p.length < 100*time.Millisecond || p.connections < 1 || p.times < 0 {
		return fmt.Errorf("-rounds %d, -length %v, -connections %d, -overload %d: want at least 1, 100ms, 1, 0", p.rounds, p.length, p.connections, p.times)
	}
	site, err := startFlaskish(ctx)
	if err != nil {
		return err
	}
	defer site.stop()
	if err := p.compare(ctx, site.url); err != nil || p.times == 0 {
		return err
	}
	return p.overload(ctx, site.url)
}
