// Command flaskish is a small web application on Trestle: a poller on a reactor
// keeps exchange rates up to date, and ordinary blocking handlers serve them.
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
	"syscall"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
)

// Shutdown takes five seconds at most: what the requests leave is for the rest.
const (
	requestGrace = 2 * time.Second
	stopGrace    = 2 * time.Second
)

type options struct {
	addr, feed string
	every      time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "127.0.0.1:8080", "address to serve on")
	flag.StringVar(&o.feed, "feed", "", "URL of the feed to poll, such as "+ecb.DailyURL+"; none: an embedded one that replays real days")
	flag.DurationVar(&o.every, "every", 30*time.Second, "how often to poll; the European Central Bank is not asked more often than every "+poller.ECBInterval.String())
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "flaskish: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, o, slog.Default()); err != nil {
		fmt.Fprintln(os.Stderr, "flaskish:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done and then shuts everything down.
func run(ctx context.Context, o options, log *slog.Logger) (err error) {
	if o.every <= 0 {
		return fmt.Errorf("-every %v: want more than 0", o.every)
	}
	listener, err := listen(o.addr)
	if err != nil {
		return err
	}
	source, stopFeed, err := openFeed(o.feed)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopFeed()
	if every := poller.Interval(source.url, o.every); every != o.every {
		log.Info("polling the European Central Bank less often than asked for", "asked", o.every, "every", every)
		o.every = every
	}

	a := newApp(o, source, log)
	err = serve(ctx, listener, a.handler, log)
	stopCtx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	return errors.Join(err, a.stop(stopCtx))
}
