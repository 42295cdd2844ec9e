package httpbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// accept answers that the work goes on, and where its outcome will be.
func (x *exchange) accept(w work) {
	e, err := x.ticket.publish(x.route, w)
	if err != nil {
		x.drop(w)
		x.fail(err)
		return
	}
	s := x.Resources
	x.ticket, x.cancel = nil, nil // they are the resource's now
	x.release()
	h := x.w.Header()
	h.Set("Location", s.cfg.Path+e.id)
	if x.prefs.respondAsync {
		applied := "respond-async"
		if waited := h.Get("Preference-Applied"); waited != "" {
			applied += ", " + waited
		}
		h.Set("Preference-Applied", applied)
	}
	x.sendStatus(s, e)
}

// status is the document that a pending resource is.
type status struct {
	ID       string   `json:"id"`
	State    string   `json:"state"` // pending, or running once it has reported progress
	Percent  *float64 `json:"percent"`
	Message  string   `json:"message,omitempty"`
	Data     any      `json:"data,omitempty"`
	Location string   `json:"location"`
	Events   string   `json:"events"`
}

// statusOf returns the status of e, and whether the work was asked for it and so
// will not tell when it changes.
func (s *Resources) statusOf(e *resource) (doc status, asked bool) {
	doc = status{ID: e.id, State: "pending", Location: s.cfg.Path + e.id, Events: s.cfg.Path + e.id + "/events"}
	p, asked, ok := e.tracker.load()
	if ok {
		doc.State, doc.Message, doc.Data = "running", p.Message, p.Data
		if percent, ok := p.Percent(); ok {
			doc.Percent = &percent
		}
	}
	return doc, asked
}

// encodeStatus leaves out what the work added if that cannot be encoded.
func (s *Resources) encodeStatus(doc status) []byte {
	body, err := json.Marshal(doc)
	if err != nil {
		s.route.logger().Error("httpbridge: progress cannot be encoded", "type", fmt.Sprintf("%T", doc.Data), "error", err)
		doc.Data = nil
		body, _ = json.Marshal(doc)
	}
	return body
}

// sendStatus sends 202 with how far the work is.
func (x *exchange) sendStatus(s *Resources, e *resource) {
	doc, _ := s.statusOf(e)
	body := s.encodeStatus(doc)
	x.out = true
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Retry-After", wholeSeconds(s.cfg.RetryAfter))
	private(h)
	x.w.WriteHeader(http.StatusAccepted)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(append(body, '\n')) // the client may have gone
	}
}

// private keeps what an id leads to, and the id, from those it is not for.
func private(h http.Header) {
	h.Set("Cache-Control", "private, no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// ServeHTTP serves the resources. It goes by the end of the path alone, so it may
// be mounted under any prefix and in any router.
func (s *Resources) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{route: s.route, w: w, r: r}
	defer x.end()
	path, events := strings.CutSuffix(r.URL.Path, "/events")
	id := path[strings.LastIndexByte(path, '/')+1:]
	var owner string
	if s.cfg.Owner != nil {
		owner = s.cfg.Owner(r)
	}
	f, err := s.find(owner, id)
	if err != nil && (f.state != statePast || events || r.Method != http.MethodDelete) {
		x.fail(err)
		return
	}
	switch {
	case events && r.Method == http.MethodGet:
		s.serveEvents(&x, f)
	case events:
		x.refuseMethod("GET")
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		s.serveOutcome(&x, f)
	case r.Method == http.MethodDelete:
		s.remove(f.resource)
		x.out = true
		w.WriteHeader(http.StatusNoContent)
	default:
		x.refuseMethod("GET, HEAD, DELETE")
	}
}

func (x *exchange) refuseMethod(allowed string) {
	x.w.Header().Set("Allow", allowed)
	x.fail(&Problem{Status: http.StatusMethodNotAllowed})
}

// found is a resource as it was when it was looked for.
type found struct {
	*resource
	state int
	work  work
}

// find returns the resource that owner knows as id. Without one the error is the
// same 404 whatever the reason, unless it was the owner's.
func (s *Resources) find(owner, id string) (f found, err error) {
	s.sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	switch {
	case s.closed:
		return f, ErrResourcesClosed
	case e == nil || e.owner != owner:
		return f, &Problem{Status: http.StatusNotFound}
	case e.state == statePast:
		return found{e, statePast, nil}, &Problem{Status: http.StatusGone, Detail: e.why}
	}
	return found{e, e.state, e.work}, nil
}

// serveOutcome sends the outcome if it is there, or comes while the client prefers
// to wait for it, and the status otherwise.
func (s *Resources) serveOutcome(x *exchange, f found) {
	x.route = f.route
	if x.enc = x.encoders.choose(x.r.Header["Accept"]); x.enc == nil {
		x.fail(x.encoders.notAcceptable())
		return
	}
	if x.prefs = parsePrefer(x.r.Header["Prefer"]); x.prefs.hasWait {
		patience := min(x.prefs.wait, s.cfg.MaxWait)
		appliedWait(x.w.Header(), patience)
		ctx, cancel := context.WithCancel(x.r.Context())
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
		defer context.AfterFunc(shutdownOf(ctx), cancel)()
		f.work.wait(ctx, patience)
	}
	v, err, ok := f.work.peek()
	switch {
	case ok:
		x.told = s.fetched(f.resource)
		private(x.w.Header())
		x.finish(v, err)
	case x.gone():
		x.vanish()
	case s.life.Err() != nil:
		x.fail(ErrResourcesClosed)
	default:
		x.sendStatus(s, f.resource)
	}
}

// fetched notes that somebody gets the outcome of e, and reports whether somebody
// had before.
func (s *Resources) fetched(e *resource) (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, e.fetched = e.fetched, true
	return before
}

// remove forgets e and ends its work.
func (s *Resources) remove(e *resource) {
	now := time.Now()
	var w work
	s.mu.Lock()
	if e.state != statePast {
		w = s.pastLocked(e, now, "The result was deleted.")
		s.armLocked(now)
	}
	s.mu.Unlock()
	if w != nil {
		w.Cancel()
		_, _, _ = w.peek() // whoever deletes it wants to know no more
	}
}

// appliedWait tells the client how long it is waited for.
func appliedWait(h http.Header, d time.Duration) {
	if d%time.Second == 0 {
		h.Set("Preference-Applied", "wait="+strconv.FormatInt(int64(d/time.Second), 10))
	}
}

// wholeSeconds is d as a header has it, rounded up.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
