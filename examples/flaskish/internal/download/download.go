// Package download is the page that crochet's documentation made known: the first
// visit starts a fetch in the background and does not wait for it, and a later one
// shows what came. Between the two the result is in a stash, under an id that only
// this visitor has and that retrieves it once.
package download

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
)

//go:embed download.html
var files embed.FS

var page = site.Page{Path: "/download", Title: "Download", Styles: []string{"download.css"}}.Parse(files, "download.html")

const (
	patience   = 100 * time.Millisecond // how long a visit waits for the result
	cookieName = "download"
	cookiePath = "/download"
	keep       = 10 * time.Minute
	most       = 200 // downloads kept
)

// Download is the page.
type Download struct {
	site  *site.Site
	fetch func(context.Context) *eventual.Result[Archive]
	stash eventual.Stash[Archive]
}

// New returns the page of what fetch fetches. Its Close ends what is under way.
func New(s *site.Site, fetch func(context.Context) *eventual.Result[Archive]) *Download {
	return &Download{site: s, fetch: fetch, stash: eventual.Stash[Archive]{TTL: keep, Max: most}}
}

// Close ends the fetches that are under way.
func (d *Download) Close() { d.stash.Close() }

// Handler serves the page. It is plain blocking code.
func (d *Download) Handler() http.Handler { return site.WithSession(http.HandlerFunc(d.page)) }

// view is what a visit sees: one of these.
type view struct {
	Started bool // by this visit
	Waiting bool // since an earlier one
	Archive *Archive
	Failed  bool
}

func (d *Download) page(w http.ResponseWriter, r *http.Request) {
	var v view
	res := d.retrieve(r)
	if res == nil {
		v.Started = true
		res = d.fetch(context.WithoutCancel(r.Context())) // it is to outlive this visit
	}
	archive, err := res.Wait(patience)
	switch {
	case err == nil:
		v.Archive, v.Started = &archive, false
		d.remember(w, r, "")
	case errors.Is(err, eventual.ErrTimeout):
		v.Waiting = !v.Started
		id, err := d.stash.PutFor(site.Owner(r), res)
		if err != nil {
			res.Cancel()
			d.site.Fail(w, r, refused(err))
			return
		}
		d.remember(w, r, id)
	default:
		d.site.Logger.WarnContext(r.Context(), "download failed", "error", err)
		v.Failed, v.Started = true, false
		d.remember(w, r, "")
	}
	d.site.Render(w, r, page, v)
}

// retrieve returns what an earlier visit started, if it did; nobody else gets it
// after that.
func (d *Download) retrieve(r *http.Request) *eventual.Result[Archive] {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	res, err := d.stash.RetrieveFor(site.Owner(r), c.Value)
	if err != nil {
		return nil // unknown or expired: as if there had been none
	}
	return res
}

// remember has the visitor's next visit find the result under id; "" forgets it.
func (d *Download) remember(w http.ResponseWriter, r *http.Request, id string) {
	c := &http.Cookie{Name: cookieName, Value: id, Path: cookiePath, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil}
	if id == "" {
		if _, err := r.Cookie(cookieName); err != nil {
			return
		}
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func refused(err error) error {
	if errors.Is(err, eventual.ErrStashFull) {
		return &httpbridge.Problem{Status: http.StatusServiceUnavailable, Detail: "Too many downloads are under way.", RetryAfter: 10 * time.Second}
	}
	if errors.Is(err, eventual.ErrStashClosed) {
		return &httpbridge.Problem{Status: http.StatusServiceUnavailable, Detail: "The service is stopping."}
	}
	return err
}
