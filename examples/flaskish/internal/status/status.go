// Package status is the page that says how everything is doing, once a second, by
// what each component says of itself.
package status

import (
	"context"
	"embed"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

//go:embed status.html
var files embed.FS

var page = site.Page{Path: "/status", Title: "Status", Styles: []string{"status.css"}, Script: "status.js", Chart: true}.
	Parse(files, "status.html")

const (
	probeEvery  = 200 * time.Millisecond
	sampleEvery = time.Second
	kept        = 120 // samples
)

// Sources are the components that are watched.
type Sources struct {
	Reactor    *reactor.Reactor
	Threads    []*threadpool.Pool
	Processes  *procpool.Pool
	Cooperator *coiterate.Cooperator
	Resources  func() httpbridge.ResourcesStats
}

// Status is the page and its stream.
type Status struct {
	site   *site.Site
	from   Sources
	latest eventual.Latest[Snapshot]

	// Owned by the reactor.
	worst  time.Duration // lag since the last sample
	past   []Sample      // oldest first
	uptime time.Duration // at the last sample, of which
	busy   time.Duration // it was not asleep
}

// New returns the page of what src has. Start begins to watch.
func New(s *site.Site, src Sources) *Status { return &Status{site: s, from: src} }

// Start watches until the reactor stops. The result ends when the watching does.
func (s *Status) Start(ctx context.Context) *eventual.Result[struct{}] {
	s.probe(s.from.Reactor.Now().Add(probeEvery))
	return reactor.NewLoopingCall(s.from.Reactor, s.sample, reactor.LoopOptions{}).Start(ctx, sampleEvery, true)
}

// probe asks for a call at a certain time and sees how late it comes: that is how
// long anything else would have waited for the reactor.
func (s *Status) probe(due time.Time) {
	r := s.from.Reactor
	r.CallAt(due, func() {
		now := r.Now()
		s.worst = max(s.worst, now.Sub(due))
		s.probe(now.Add(probeEvery))
	})
}

// Register adds the page and its API to mux.
func (s *Status) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		snapshot, _, _ := s.latest.Load()
		s.site.Render(w, r, page, snapshot)
	})
	mux.Handle("GET /api/status", httpbridge.Latest(&s.latest, httpbridge.LatestConfig{Logger: s.site.Logger}))
	mux.Handle("GET /api/status/events", httpbridge.Events(&s.latest, httpbridge.EventsConfig{MaxPerOwner: 64, MaxClients: 500, Logger: s.site.Logger}))
}
