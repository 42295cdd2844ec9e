package httpbridge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// LatestConfig says how [Latest] serves. The zero value never calls anything stale.
type LatestConfig struct {
	// RetryAfter is what a client is told to wait before the first value is there.
	// Zero: 5 s.
	RetryAfter time.Duration
	// MaxAge is how long caches may use a response without asking. Zero: they ask
	// each time, which costs a 304.
	MaxAge time.Duration
	// StaleAfter makes a value that was set longer ago stale: whoever polls does
	// not succeed. Zero: never.
	StaleAfter time.Duration
	// DataStaleAfter makes a value stale that is older by its own account, which
	// is DataTime() time.Time of the value. Zero, or a value without that: never.
	DataStaleAfter time.Duration
	// View makes of the value what is encoded as JSON. It is called for each
	// request. Zero: the value itself.
	View func(Seen) any
	// MaxWait is how long a request waits for a change, at most, whatever it asks
	// for. Zero: 30 s. Negative: it does not wait.
	MaxWait time.Duration
	// MaxWaiting is how many requests wait at once; more are answered at once. Zero:
	// 10,000.
	MaxWaiting int
	// Logger gets what cannot be encoded. Zero: slog.Default().
	Logger *slog.Logger
}

// Seen is a value as a request sees it.
type Seen struct {
	Value   any
	At      time.Time // when it was set
	Stale   []string  // StalePoll, StaleData, both or none
	Version string    // of the value; it changes with each
}

// The reasons for which a value is stale.
const (
	StalePoll = "poll" // it was not set for too long
	StaleData = "data" // it was set, to something old
)

const (
	defaultRetryAfter = 5 * time.Second
	defaultMaxWait    = 30 * time.Second
	defaultMaxWaiting = 10_000
)

// Latest serves the latest value of l as JSON to GET and HEAD: with a strong ETag
// of what is sent, Last-Modified, Age and Cache-Control, and 304 to those who have
// it. The header Stale lists the reasons for which the value is stale, if it is. A
// stale value is still served: it is the last good one. Before the first value it
// is 503 with Retry-After.
//
// A client that has the value may wait for the next (RFC 7240):
//
//	GET /rates?after=<the header Latest-Version of the last response>
//	Prefer: wait=20
//
// is answered as soon as there is another, and with 204 if there is none in time.
// With If-None-Match in place of the parameter it is answered as soon as what is
// sent would differ, or with 304. Without a preference neither waits. A client
// that has nothing yet waits for the first value.
//
// Such a wait ends at once when a server shuts down that was given to
// [EndOnShutdown]; Server.WriteTimeout does not end it.
func Latest[T any](l *eventual.Latest[T], cfg LatestConfig) http.Handler {
	s := &latestServer[T]{versions: newVersions(l), cfg: cfg.withDefaults()}
	s.route.Logger = cfg.Logger
	s.waiting.most = s.cfg.MaxWaiting
	return s
}

func (cfg LatestConfig) withDefaults() LatestConfig {
	if cfg.RetryAfter <= 0 {
		cfg.RetryAfter = defaultRetryAfter
	}
	if cfg.MaxWait == 0 {
		cfg.MaxWait = defaultMaxWait
	}
	if cfg.MaxWaiting <= 0 {
		cfg.MaxWaiting = defaultMaxWaiting
	}
	return cfg
}

// latestServer is what the requests for a Latest share.
type latestServer[T any] struct {
	*versions[T]
	cfg     LatestConfig // with defaults
	route   route
	waiting seats
}

func (s *latestServer[T]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{route: &s.route, w: w, r: r}
	defer x.end()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		x.problem(&Problem{Status: http.StatusMethodNotAllowed})
		return
	}
	a, err := s.answer(r)
	if err == nil && !a.news {
		a, err = s.poll(&x, a)
	}
	if err != nil {
		x.fail(err)
		return
	}
	a.send(&x)
}

// NoValueYet is the problem of a request that comes before the first value.
func NoValueYet(retryAfter time.Duration) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Detail: "There is no value yet.", RetryAfter: retryAfter}
}

func (cfg *LatestConfig) stale(v any, at time.Time) (reasons []string) {
	if cfg.StaleAfter > 0 && time.Since(at) > cfg.StaleAfter {
		reasons = append(reasons, StalePoll)
	}
	if d, ok := v.(interface{ DataTime() time.Time }); ok && cfg.DataStaleAfter > 0 && time.Since(d.DataTime()) > cfg.DataStaleAfter {
		reasons = append(reasons, StaleData)
	}
	return reasons
}

// latestAnswer is what a request gets if it is answered now.
type latestAnswer struct {
	seen    Seen
	none    bool            // there is no value yet
	body    []byte          // encoded before anything is sent, so that a failure is a clean 500
	etag    string          // of body
	news    bool            // the client does not have this
	changed <-chan struct{} // closed when there may be another
	cfg     *LatestConfig
}

// answer looks at the newest value for r.
func (s *latestServer[T]) answer(r *http.Request) (a latestAnswer, err error) {
	now, changed := s.look()
	a = latestAnswer{changed: changed, cfg: &s.cfg}
	if now.id.n == 0 {
		a.none = true
		return a, nil
	}
	a.seen = Seen{now.value, now.at, s.cfg.stale(now.value, now.at), now.id.String()}
	var view any = now.value
	if s.cfg.View != nil {
		view = s.cfg.View(a.seen)
	}
	var body bytes.Buffer
	if err := encodeJSON(&body, r, view); err != nil {
		return a, fmt.Errorf("httpbridge: encoding a %T: %w", view, err)
	}
	a.body = body.Bytes()
	sum := sha256.Sum256(a.body)
	a.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	switch after := r.URL.Query().Get("after"); {
	case after != "":
		a.news = after != a.seen.Version
	default:
		a.news = !hasTag(r.Header["If-None-Match"], a.etag)
	}
	return a, nil
}

// hasTag reports whether a list of entity tags has etag. They are compared weakly,
// for a cache on the way may have made it weak.
func hasTag(lines []string, etag string) bool {
	for item := range items(lines) {
		if strings.TrimPrefix(item, "W/") == etag || item == "*" {
			return true
		}
	}
	return false
}

// poll waits for news, if r wants that and may, and returns the last answer.
func (s *latestServer[T]) poll(x *exchange, a latestAnswer) (latestAnswer, error) {
	prefs := parsePrefer(x.r.Header["Prefer"])
	if !prefs.hasWait || s.cfg.MaxWait < 0 {
		return a, nil
	}
	leave, full := s.waiting.take("")
	if full != nil {
		return a, nil // a preference is never an error
	}
	defer leave()
	patience := min(prefs.wait, s.cfg.MaxWait)
	appliedWait(x.w.Header(), patience)
	ctx, resume, err := leavePool(x.r)
	if err != nil {
		return a, err
	}
	defer resume()
	rc := http.NewResponseController(x.w)
	_ = rc.SetReadDeadline(time.Time{}) // see openEvents
	_ = rc.SetWriteDeadline(time.Now().Add(patience + defaultWriteTimeout))
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !a.news {
		select {
		case <-a.changed:
		case <-ctx.Done():
			return a, nil
		case <-shutdownOf(ctx).Done():
			return a, nil
		}
		if a, err = s.answer(x.r); err != nil {
			return a, err
		}
	}
	return a, nil
}

// send sends the answer, or says that there is nothing new.
func (a *latestAnswer) send(x *exchange) {
	if a.none {
		x.problem(NoValueYet(a.cfg.RetryAfter))
		return
	}
	h := x.w.Header()
	h.Set("Latest-Version", a.seen.Version)
	a.headers(h)
	x.out = true
	if after := x.r.URL.Query().Has("after"); after && !a.news {
		h.Set("Cache-Control", "no-store")
		x.w.WriteHeader(http.StatusNoContent)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	// No time for ServeContent: a second is too coarse to answer If-Modified-Since
	// by, and the ETag is exact.
	http.ServeContent(x.w, x.r, "", time.Time{}, bytes.NewReader(a.body))
}

// headers says what a cache wants to know.
func (a *latestAnswer) headers(h http.Header) {
	h.Set("ETag", a.etag)
	age := max(int64(time.Since(a.seen.At)/time.Second), 0)
	h.Set("Age", strconv.FormatInt(age, 10))
	if a.cfg.MaxAge > 0 { // a cache counts Age against max-age
		h.Set("Cache-Control", fmt.Sprintf("max-age=%d", age+int64(a.cfg.MaxAge/time.Second)))
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if len(a.seen.Stale) > 0 {
		h.Set("Stale", strings.Join(a.seen.Stale, ", "))
	}
	h.Set("Last-Modified", a.seen.At.UTC().Format(http.TimeFormat))
}
