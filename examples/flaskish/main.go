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
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
	"github.com/trestle-go/trestle/examples/flaskish/internal/feed"
	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
	"github.com/trestle-go/trestle/examples/flaskish/internal/web"
	"github.com/trestle-go/trestle/reactor"
)

// Shutdown takes five seconds at most: what the requests leave is the reactor's.
const (
	requestGrace = 3 * time.Second
	reactorGrace = time.Second
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

	r := reactor.New(reactor.Config{Name: "flaskish", Logger: log})
	r.Start()
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	defer client.CloseIdleConnections()
	p := poller.New(r, poller.Config{Source: source.name, Every: o.every, Least: poller.Least(source.url), Fetch: poller.HTTPFetch(client, source.url), Logger: log})
	p.Start(context.Background()) // ended by the reactor's stop, below
	app := &web.App{Rates: p, Every: o.every, Logger: log}

	err = serve(ctx, listener, app.Handler(), log)
	stopCtx, cancel := context.WithTimeout(context.Background(), reactorGrace)
	defer cancel()
	return errors.Join(err, r.Stop(stopCtx))
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use already; choose another address with -addr", addr)
	}
	return l, err
}

// serve answers requests until ctx is done, and lets those in progress finish.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    1 << 16,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }() // ended by Shutdown or Close, below
	log.Info("serving", "url", "http://"+l.Addr().String())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down")
	grace, cancel := context.WithTimeout(context.Background(), requestGrace)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		log.Warn("requests were cut off", "error", err)
		if err := srv.Close(); err != nil {
			log.Warn("closing connections", "error", err)
		}
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type feedSource struct{ name, url string }

// openFeed returns what to poll. Without a URL it is a server of this program.
func openFeed(rawURL string) (src feedSource, stop func(), err error) {
	if rawURL != "" {
		u, err := url.Parse(rawURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return src, nil, fmt.Errorf("-feed %q: want an http or https URL", rawURL)
		}
		return feedSource{u.Host, rawURL}, func() {}, nil
	}
	replay, err := feed.NewReplay()
	if err != nil {
		return src, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return src, nil, fmt.Errorf("embedded feed: %w", err)
	}
	srv := &http.Server{Handler: replay, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		_ = srv.Serve(l) // always ErrServerClosed or a closed listener's
	}()
	stop = func() {
		_ = srv.Close() // nothing is lost with it
		<-done
	}
	return feedSource{"the embedded replay", "http://" + l.Addr().String() + feed.Path}, stop, nil
}
