// Package web is the rates: their page and their API. The handlers are ordinary
// blocking ones that ask for the latest table; none of them fetches anything.
package web

import (
	"embed"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
)

//go:embed rates.html
var files embed.FS

var page = site.Page{Path: "/", Title: "Euro reference rates", Styles: []string{"rates.css"}, Script: "rates.js", Chart: true}.
	Parse(files, "rates.html")

// App is the rates.
type App struct {
	Site  *site.Site
	Rates *poller.Poller
	Every time.Duration // how often they are polled
}

// staleAfter is how old the last good fetch may be: three intervals.
func (a *App) staleAfter() time.Duration { return 3 * a.Every }

// dataStaleAfter is how old a fixing may be: it outlasts Easter.
const dataStaleAfter = 5 * 24 * time.Hour

// Register adds the page and the API to mux.
func (a *App) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", a.home)
	mux.Handle("GET /api/rates", httpbridge.Latest(&a.Rates.Latest, httpbridge.LatestConfig{
		RetryAfter: a.retryAfter(), StaleAfter: a.staleAfter(), DataStaleAfter: dataStaleAfter,
		View: viewTable, State: a.health, Logger: a.Site.Logger,
	}))
	mux.Handle("GET /api/rates/events", httpbridge.Events(&a.Rates.News, httpbridge.EventsConfig{
		View: viewNews, MaxPerOwner: 64, Logger: a.Site.Logger,
	}))
	mux.HandleFunc("GET /api/rates/{currency}", a.rate)
	mux.HandleFunc("GET /api/rates/{currency}/history", a.history)
	mux.HandleFunc("GET /api/convert", a.convert)
}

func (a *App) retryAfter() time.Duration { return max(min(a.Every, 5*time.Second), time.Second) }
