// Package web is what flaskish serves: ordinary blocking handlers that ask for the
// latest rates. None of them fetches anything.
package web

import (
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
	"github.com/trestle-go/trestle/httpbridge"
)

//go:embed assets page.html
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// App is what the pages show.
type App struct {
	Rates  *poller.Poller
	Every  time.Duration // how often the rates are polled
	Logger *slog.Logger
}

// staleAfter is how old the last good fetch may be: three intervals.
func (a *App) staleAfter() time.Duration { return 3 * a.Every }

// dataStaleAfter is how old a fixing may be: it outlasts Easter.
const dataStaleAfter = 5 * 24 * time.Hour

// Handler returns the whole site.
func (a *App) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "assets/"+r.PathValue("file"))
	})
	mux.HandleFunc("GET /{$}", a.home)
	mux.Handle("GET /api/rates", httpbridge.Latest(&a.Rates.Latest, httpbridge.LatestConfig{
		RetryAfter: a.retryAfter(), StaleAfter: a.staleAfter(), DataStaleAfter: dataStaleAfter,
		View: a.viewTable, Logger: a.Logger,
	}))
	mux.HandleFunc("GET /api/rates/{currency}", a.rate)
	mux.HandleFunc("GET /api/convert", a.convert)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		(&httpbridge.Problem{Status: http.StatusNotFound, Detail: "There is nothing at this address."}).ServeHTTP(w, r)
	})
	return withPolicy(mux)
}

func (a *App) retryAfter() time.Duration { return max(min(a.Every, 5*time.Second), time.Second) }

// withPolicy allows the pages nothing but what this program serves.
func withPolicy(next http.Handler) http.Handler {
	const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// fail answers with the problem that err is.
func (a *App) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *httpbridge.Problem
	if !errors.As(err, &p) {
		a.Logger.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
		p = &httpbridge.Problem{}
	}
	p.ServeHTTP(w, r)
}
