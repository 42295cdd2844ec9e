package httpbridge

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
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
	// View makes of the value what is encoded as JSON, once for all requests that
	// see the same: what it returns must follow from what it is given. Zero: the
	// value itself.
	View func(Seen) any
	// State is what else View looks at. It is called for each request, and when it
	// returns something else than before (by ==, which has to be able to compare it),
	// View is called again. Zero: View looks at nothing else.
	State func() any
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
	State   any       // what LatestConfig.State returned
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
	cfg      LatestConfig // with defaults
	route    route
	waiting  seats
	rendered atomic.Pointer[rendering] // what was encoded last; nil at first
}

func (s *latestServer[T]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{route: &s.route, w: w, r: r}
	defer x.end()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		x.problem(&Problem{Status: http.StatusMethodNotAllowed})
		return
	}
	var after string
	if r.URL.RawQuery != "" {
		after = r.URL.Query().Get("after")
	}
	a, err := s.answer(r.Context(), r, after)
	if err == nil && !a.news && r.Header["Prefer"] != nil {
		a, err = s.poll(&x, a)
	}
	switch {
	case err == nil:
		a.send(&x)
	case x.gone():
		x.vanish()
	default:
		x.fail(err)
	}
}

// NoValueYet is the problem of a request that comes before the first value.
func NoValueYet(retryAfter time.Duration) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Detail: "There is no value yet.", RetryAfter: retryAfter}
}

// latestAnswer is what a request gets if it is answered now.
type latestAnswer struct {
	*rendering
	cfg     *LatestConfig
	at      time.Time              // now
	after   string                 // the version that the client has, if it says so
	news    bool                   // the client does not have this
	changed func() <-chan struct{} // closed when there may be another
}

// answer looks at the newest value for r, and waits for its encoding as long as ctx
// lasts. Before the first there is no rendering.
func (s *latestServer[T]) answer(ctx context.Context, r *http.Request, after string) (a latestAnswer, err error) {
	now, next := s.look()
	a = latestAnswer{cfg: &s.cfg, at: time.Now(), after: after, changed: next.Done}
	if now.id.n == 0 {
		return a, nil
	}
	if a.rendering, err = s.render(ctx, now, a.at); err != nil {
		return a, err
	}
	if after != "" {
		a.news = after != a.seen.Version
	} else {
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
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !a.news {
		select {
		case <-a.changed():
		case <-waiting.Done():
			return a, nil
		case <-shutdownOf(ctx).Done():
			return a, nil
		}
		if a, err = s.answer(ctx, x.r, a.after); err != nil {
			return a, err
		}
	}
	return a, nil
}

// send sends the answer, or says that there is nothing new.
func (a *latestAnswer) send(x *exchange) {
	if a.rendering == nil {
		x.problem(NoValueYet(a.cfg.RetryAfter))
		return
	}
	x.out = true
	f := fields{h: x.w.Header(), values: make([]string, 0, maxLatestFields)}
	a.head(&f)
	switch {
	case a.after != "" && !a.news:
		f.set("Cache-Control", "no-store")
		x.w.WriteHeader(http.StatusNoContent)
	case hasCondition(x.r.Header):
		// No time for ServeContent: a second is too coarse to answer If-Modified-Since
		// by, and the ETag is exact.
		a.kind(&f)
		http.ServeContent(x.w, x.r, "", time.Time{}, bytes.NewReader(a.body))
	default:
		a.kind(&f)
		f.set("Accept-Ranges", "bytes")
		f.set("Content-Length", a.length)
		x.w.WriteHeader(http.StatusOK)
		if x.r.Method != http.MethodHead {
			_, _ = x.w.Write(a.body) // the client may have gone
		}
	}
}

// hasCondition reports whether a request with these headers may get something else
// than the whole.
func hasCondition(h http.Header) bool {
	for _, name := range [...]string{"If-None-Match", "Range", "If-Match", "If-Unmodified-Since"} {
		if h[name] != nil {
			return true
		}
	}
	return false
}

const maxLatestFields = 10

// head sets what a cache wants to know, and the version.
func (a *latestAnswer) head(f *fields) {
	age := max(int64(a.at.Sub(a.seen.At)/time.Second), 0)
	f.set("Latest-Version", a.seen.Version)
	f.set("Etag", a.etag)
	f.set("Last-Modified", a.modified)
	f.set("Age", strconv.FormatInt(age, 10))
	if a.cfg.MaxAge > 0 { // a cache counts Age against max-age
		f.set("Cache-Control", "max-age="+strconv.FormatInt(age+int64(a.cfg.MaxAge/time.Second), 10))
	} else {
		f.set("Cache-Control", "no-cache")
	}
	if a.stale != 0 {
		f.set("Stale", strings.Join(a.seen.Stale, ", "))
	}
}

func (a *latestAnswer) kind(f *fields) {
	f.set("Content-Type", "application/json")
	f.set("X-Content-Type-Options", "nosniff")
}
