package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/examples/flaskish/internal/web"
	"github.com/trestle-go/trestle/reactor"
)

// app is everything that runs behind the pages.
type app struct {
	reactor *reactor.Reactor
	client  *http.Client
	handler http.Handler
}

func newApp(o options, source feedSource, log *slog.Logger) *app {
	a := &app{
		reactor: reactor.New(reactor.Config{Name: "flaskish", Logger: log}),
		client:  &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()},
	}
	a.reactor.Start()
	p := poller.New(a.reactor, poller.Config{
		Source: source.name, Every: o.every, Least: poller.Least(source.url),
		Fetch: poller.HTTPFetch(a.client, source.url), Record: source.record, Logger: log,
	})
	p.Start(context.Background()) // ended by the reactor's stop
	s := &site.Site{Logger: log}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", s.Assets())
	mux.HandleFunc("GET /", s.NotFound)
	(&web.App{Site: s, Rates: p, Every: o.every}).Register(mux)
	a.handler = site.WithPolicy(mux)
	return a
}

// stop ends everything, as long as ctx allows.
func (a *app) stop(ctx context.Context) error {
	defer a.client.CloseIdleConnections()
	return a.reactor.Stop(ctx)
}
