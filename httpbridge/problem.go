package httpbridge

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"time"
)

// Problem is a problem document of RFC 9457: an error that a program can read.
type Problem struct {
	Type       string         // a URI that names the kind of problem. Zero: about:blank, which says no more than Status
	Title      string         // short, the same for all of a kind. Zero: the text of Status
	Status     int            // HTTP status. Zero: 500
	Detail     string         // about this one; shown to clients, so nothing internal
	Instance   string         // a URI that names this one; may be empty
	Extensions map[string]any // further members; the names above are not replaced
	RetryAfter time.Duration  // sent as Retry-After, in whole seconds, rounded up. Zero: not sent
}

// Error makes a Problem an error, so that a function may return the response it
// wants.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("%d %s", p.status(), p.title())
	}
	return fmt.Sprintf("%d %s: %s", p.status(), p.title(), p.Detail)
}

// HTTPStatus returns the status that the problem is sent with.
func (p *Problem) HTTPStatus() int { return p.status() }

func (p *Problem) status() int {
	if p.Status < 400 || p.Status > 599 {
		return http.StatusInternalServerError
	}
	return p.Status
}

func (p *Problem) title() string {
	if p.Title == "" {
		return http.StatusText(p.status())
	}
	return p.Title
}

// ServeHTTP sends the problem. It is not to be cached.
func (p *Problem) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	doc := make(map[string]any, len(p.Extensions)+5)
	maps.Copy(doc, p.Extensions)
	doc["type"], doc["title"], doc["status"] = p.Type, p.title(), p.status()
	if p.Type == "" {
		doc["type"] = "about:blank"
	}
	for name, v := range map[string]string{"detail": p.Detail, "instance": p.Instance} {
		if delete(doc, name); v != "" {
			doc[name] = v
		}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		slog.Error("httpbridge: problem cannot be encoded", "problem", p, "error", err)
		body = fmt.Appendf(nil, `{"type":"about:blank","title":%q,"status":%d}`, http.StatusText(p.status()), p.status())
	}
	h := w.Header()
	for _, name := range []string{"ETag", "Last-Modified", "Content-Encoding", "Content-Length"} {
		h.Del(name) // they were meant for the body that is not sent
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", wholeSeconds(p.RetryAfter))
	}
	w.WriteHeader(p.status())
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // the client may have gone
	}
}
