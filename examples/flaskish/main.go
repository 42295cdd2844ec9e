// Command flaskish is a small web application on Trestle. A poller on a reactor
// keeps exchange rates up to date, and ordinary blocking handlers serve them; a chat
// keeps its state on the same reactor, without a lock; jobs run in worker processes,
// in threads or in turns on the reactor, and tell how far they are.
//
// Without flags it needs no network: it polls a feed of its own, which replays
// real trading days of the European Central Bank over the loopback interface.
//
//	go run ./examples/flaskish
//	go run ./examples/flaskish -feed https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
	"github.com/trestle-go/trestle/procpool"
)

// Shutdown takes five seconds at most: what the requests leave is for the rest.
const (
	requestGrace = 2 * time.Second
	stopGrace    = 2 * time.Second
)

type options struct {
	addr, feed string
	every      time.Duration
	drip       time.Duration
	workers    int
	threads    int
}

func main() {
	procpool.ServeIfWorker() // as a worker of the jobs page; it does not return then
	o := parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, o, slog.Default()); err != nil {
		fmt.Fprintln(os.Stderr, "flaskish:", err)
		os.Exit(1)
	}
}

func parse() (o options) {
	cpus := max(runtime.NumCPU(), 2)
	flag.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`address` to serve on")
	flag.StringVar(&o.feed, "feed", "", "`URL` of the feed to poll, such as "+ecb.DailyURL+"; none: an embedded one that replays real days")
	flag.DurationVar(&o.every, "every", 30*time.Second, "how often to poll; the European Central Bank is not asked more often than every "+poller.ECBInterval.String())
	flag.DurationVar(&o.drip, "drip", 3*time.Second, "how long the embedded feed takes to send the history to the download page")
	flag.IntVar(&o.workers, "workers", cpus, "`processes` that jobs run in, at most")
	flag.IntVar(&o.threads, "threads", cpus, "`threads` that jobs and blocking requests run in, at most")
	flag.Usage = func() {
		_, _ = fmt.Fprint(flag.CommandLine.Output(), `flaskish is a small web application: exchange rates, a chat, background jobs.

usage: flaskish [flags]

It needs no network and no configuration. SIGTERM or Ctrl-C shuts it down within five seconds.

`)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "flaskish: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	return o
}

func (o options) check() error {
	for _, f := range []struct {
		name string
		bad  bool
		v    any
		want string
	}{
		{"every", o.every <= 0, o.every, "more than 0"},
		{"drip", o.drip < 0 || o.drip > time.Minute, o.drip, "0 to 1m"},
		{"workers", o.workers < 1 || o.workers > 64, o.workers, "1 to 64"},
		{"threads", o.threads < 1 || o.threads > 1024, o.threads, "1 to 1024"},
	} {
		if f.bad {
			return fmt.Errorf("-%s %v: want %s", f.name, f.v, f.want)
		}
	}
	return nil
}

// run serves until ctx is done and then shuts everything down.
func run(ctx context.Context, o options, log *slog.Logger) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	listener, err := listen(o.addr)
	if err != nil {
		return err
	}
	source, stopFeed, err := openFeed(o.feed, o.drip)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopFeed()
	if every := poller.Interval(source.url, o.every); every != o.every {
		log.Info("polling the European Central Bank less often than asked for", "asked", o.every, "every", every)
		o.every = every
	}

	a, err := newApp(o, source, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	err = serve(ctx, listener, a.handler, a.leave, log)
	stopCtx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	return errors.Join(err, a.stop(stopCtx))
}
