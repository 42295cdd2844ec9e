package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/examples/flaskish/internal/chat"
	"github.com/trestle-go/trestle/examples/flaskish/internal/compute"
	"github.com/trestle-go/trestle/examples/flaskish/internal/download"
	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
	"github.com/trestle-go/trestle/examples/flaskish/internal/jobs"
	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/examples/flaskish/internal/status"
	"github.com/trestle-go/trestle/examples/flaskish/internal/web"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

const (
	fetchTimeout = 20 * time.Second
	keepResults  = 15 * time.Minute
	queueLimit   = 64              // jobs that wait for a thread or a process
	visitLimit   = 32              // requests that wait for a thread, or in one for what they want
	jobTimeout   = 5 * time.Minute // of a worker process
	jobGrace     = time.Second / 2 // for a worker to stop when it is asked to
)

// Windows has no worker processes; jobs run here then, and cannot crash on purpose.
const inProcess = runtime.GOOS == "windows"

// niceness has jobs give way to the pages, where there are processes.
func niceness() int {
	if inProcess {
		return 0
	}
	return 5
}

// app is everything that runs behind the pages.
type app struct {
	reactor    *reactor.Reactor
	processes  *procpool.Pool
	threads    *threadpool.Pool // for jobs
	pages      *threadpool.Pool // for requests, so that jobs do not take their turns
	cooperator *coiterate.Cooperator
	client     *httpbridge.Client

	hub       *chat.Hub
	jobs      *jobs.Jobs
	downloads *download.Download

	handler http.Handler
}

// newApp starts everything. What it returns is to be stopped; when it fails the
// program is to end.
func newApp(o options, source feedSource, log *slog.Logger) (a *app, err error) {
	a = &app{client: &httpbridge.Client{Retries: -1, TryTimeout: fetchTimeout, MaxBody: ecb.MaxSize}}
	a.processes, err = procpool.New(procpool.Config{
		Name: "jobs", Max: o.workers, QueueLimit: queueLimit, JobTimeout: jobTimeout, Grace: jobGrace,
		Nice: niceness(), InProcess: inProcess, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	a.threads, err = threadpool.New(threadpool.Config{Name: "jobs", Max: o.threads, QueueLimit: queueLimit, Logger: log})
	if err == nil {
		a.pages, err = threadpool.New(threadpool.Config{Name: "pages", Max: o.threads, Logger: log})
	}
	if err != nil { // the flags were checked, so it is a mistake here
		return nil, err
	}
	a.reactor = reactor.New(reactor.Config{Name: "flaskish", Logger: log})
	a.reactor.Start()
	a.cooperator = coiterate.New(a.reactor, coiterate.Config{Name: "jobs"})

	s := &site.Site{Logger: log}
	rates := a.poll(o, source, log)
	a.hub = chat.NewHub(a.reactor)
	a.jobs, err = jobs.New(jobs.Config{
		Site: s, Pools: jobs.Pools{Processes: a.processes, Threads: a.threads, Cooperator: a.cooperator},
		Board: jobs.NewBoard(a.reactor, keepResults), Market: market(rates), Keep: keepResults, CanCrash: !inProcess,
	})
	if err != nil {
		return nil, err
	}
	a.downloads = download.New(s, archive(a.client, source.archive))
	st := status.New(s, status.Sources{
		Reactor: a.reactor, Threads: []*threadpool.Pool{a.threads, a.pages}, Processes: a.processes, Cooperator: a.cooperator, Resources: a.jobs.Stats,
	})
	st.Start(context.Background()) // ended by the reactor's stop

	mux := http.NewServeMux()
	mux.Handle("GET /assets/", s.Assets())
	mux.HandleFunc("GET /", s.NotFound) // other methods are 405 where there is a GET
	(&web.App{Site: s, Rates: rates, Every: o.every}).Register(mux)
	chat.New(a.hub, s).Register(mux)
	a.jobs.Register(mux)
	// Blocking code: so many visits at once and no more, however many come.
	pooled := httpbridge.Middleware(a.pages, httpbridge.PoolConfig{Timeout: 5 * time.Second, QueueLimit: visitLimit, Logger: log})
	mux.Handle("GET /download", pooled(a.downloads.Handler()))
	st.Register(mux)
	a.handler = site.WithPolicy(mux)
	return a, nil
}

// poll starts the poller.
func (a *app) poll(o options, source feedSource, log *slog.Logger) *poller.Poller {
	p := poller.New(a.reactor, poller.Config{
		Source: source.name, Every: o.every, Least: poller.Least(source.url),
		Fetch: poller.HTTPFetch(a.client, source.url), Record: source.record, Logger: log,
	})
	p.Start(context.Background()) // ended by the reactor's stop
	return p
}

// market returns what a simulation begins with: the latest rate, and how much it
// has moved.
func market(p *poller.Poller) func() (compute.Market, error) {
	const currency = "USD"
	return func() (compute.Market, error) {
		known, _, _ := p.History.Load()
		points := known.Of(currency)
		t, _, ok := p.Latest.Load()
		if !ok || len(points) == 0 {
			return compute.Market{}, httpbridge.NoValueYet(time.Second)
		}
		m := compute.Market{Currency: currency, Rate: points[len(points)-1].Near, Volatility: known.Volatility(currency)}
		for _, point := range points {
			if point.Date.Equal(t.Date) {
				m.Rate = point.Near
			}
		}
		return m, nil
	}
}

// leave ends the jobs and downloads that requests may be waiting for.
func (a *app) leave() {
	a.jobs.Close()
	a.downloads.Close()
}

// stop ends everything else, as long as ctx allows.
func (a *app) stop(ctx context.Context) error {
	defer a.client.CloseIdleConnections()
	a.cooperator.Stop()
	var wg sync.WaitGroup
	errs := make([]error, 4)
	wg.Go(func() { errs[0] = a.hub.Close(ctx) })
	wg.Go(func() { errs[1] = a.threads.Stop(ctx) })
	wg.Go(func() { errs[2] = a.pages.Stop(ctx) })
	wg.Go(func() { errs[3] = a.processes.Stop(ctx) })
	wg.Wait()
	return errors.Join(append(errs, a.reactor.Stop(ctx))...)
}
