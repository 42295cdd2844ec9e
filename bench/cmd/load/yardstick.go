package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// tableView is what /api/rates sends.
type tableView struct {
	Base        string               `json:"base"`
	AsOf        string               `json:"as_of"`
	Source      string               `json:"source"`
	Stale       bool                 `json:"stale"`
	StaleReason []string             `json:"stale_reason,omitempty"`
	Rates       map[string]quoteView `json:"rates"`
}

type quoteView struct {
	Rate   string `json:"rate"`
	AsOf   string `json:"as_of"`
	Change string `json:"change,omitempty"`
}

// response is the response that the yardsticks serve too.
type response struct {
	fields [][2]string // of the header, that are the same each time

	mu   sync.RWMutex // guards what follows, which a poller would set
	at   time.Time
	view tableView
	body []byte
	etag string
}

func newResponse(resp *http.Response, body []byte) (*response, error) {
	r := &response{at: time.Now(), body: body, etag: resp.Header.Get("Etag")}
	if err := json.Unmarshal(body, &r.view); err != nil {
		return nil, err
	}
	var again bytes.Buffer
	if err := json.NewEncoder(&again).Encode(r.view); err != nil {
		return nil, err
	}
	if !bytes.Equal(again.Bytes(), body) {
		return nil, fmt.Errorf("flaskish sends what the yardstick does not know:\n%sfor\n%s", body, again.Bytes())
	}
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		switch name {
		case "Date", "Age", "Etag", "Content-Length":
		default:
			r.fields = append(r.fields, [2]string{name, resp.Header.Get(name)})
		}
	}
	return r, nil
}

func (r *response) head(w http.ResponseWriter, at time.Time, etag string) {
	h := w.Header()
	for _, f := range r.fields {
		h.Set(f[0], f[1])
	}
	h.Set("Age", strconv.Itoa(int(time.Since(at)/time.Second)))
	h.Set("Etag", etag)
}

// encoding encodes for each request.
func (r *response) encoding(w http.ResponseWriter, req *http.Request) {
	r.mu.RLock()
	view, at := r.view, r.at
	r.mu.RUnlock()
	body, err := json.Marshal(view)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	body = append(body, '\n')
	sum := sha256.Sum256(body)
	r.send(w, req, at, `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`, body)
}

// kept sends bytes that were encoded before.
func (r *response) kept(w http.ResponseWriter, req *http.Request) {
	r.mu.RLock()
	body, etag, at := r.body, r.etag, r.at
	r.mu.RUnlock()
	r.send(w, req, at, etag, body)
}

func (r *response) send(w http.ResponseWriter, req *http.Request, at time.Time, etag string, body []byte) {
	r.head(w, at, etag)
	if req.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client may have gone
}
