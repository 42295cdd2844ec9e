// Package site is what all pages of flaskish share: the layout and its assets, the
// security policy, the session cookie, and how failures are told.
package site

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/trestle-go/trestle/httpbridge"
)

// Site answers requests the way every part of the program does.
type Site struct{ Logger *slog.Logger }

// JSON sends v, which is not to be cached without asking.
func (s *Site) JSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-cache")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}

// Render sends page p about data. The page is made before anything is sent, so
// that a failure is a clean 500.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, p *Page, data any) {
	var body bytes.Buffer
	if err := p.execute(&body, r, data); err != nil {
		s.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(body.Bytes()) // the client may have gone
}

// Fail answers with the problem that err is. Any other error is logged, and told
// only as a 500.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *httpbridge.Problem
	if !errors.As(err, &p) {
		s.Logger.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
		p = &httpbridge.Problem{}
	}
	p.ServeHTTP(w, r)
}

// NotFound answers requests for what there is not.
func (s *Site) NotFound(w http.ResponseWriter, r *http.Request) {
	s.Fail(w, r, &httpbridge.Problem{Status: http.StatusNotFound, Detail: "There is nothing at this address."})
}
