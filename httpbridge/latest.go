package httpbridge

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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
	// Logger gets what cannot be encoded. Zero: slog.Default().
	Logger *slog.Logger
}

// Seen is a value as a request sees it.
type Seen struct {
	Value any
	At    time.Time // when it was set
	Stale []string  // StalePoll, StaleData, both or none
}

// The reasons for which a value is stale.
const (
	StalePoll = "poll" // it was not set for too long
	StaleData = "data" // it was set, to something old
)

const defaultRetryAfter = 5 * time.Second

// Latest serves the latest value of l as JSON to GET and HEAD: with a strong ETag
// of what is sent, Last-Modified, Age and Cache-Control, and 304 to those who have
// it. The header Stale lists the reasons for which the value is stale, if it is. A
// stale value is still served: it is the last good one. Before the first value it
// is 503 with Retry-After.
func Latest[T any](l *eventual.Latest[T], cfg LatestConfig) http.Handler {
	if cfg.RetryAfter <= 0 {
		cfg.RetryAfter = defaultRetryAfter
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			(&Problem{Status: http.StatusMethodNotAllowed}).ServeHTTP(w, r)
			return
		}
		v, at, ok := l.Load()
		if !ok {
			NoValueYet(cfg.RetryAfter).ServeHTTP(w, r)
			return
		}
		cfg.serve(w, r, Seen{v, at, cfg.stale(v, at)})
	})
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

// serve encodes before it writes anything, so that a failure is a clean 500.
func (cfg *LatestConfig) serve(w http.ResponseWriter, r *http.Request, seen Seen) {
	v := seen.Value
	if cfg.View != nil {
		v = cfg.View(seen)
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		log := cfg.Logger
		if log == nil {
			log = slog.Default()
		}
		log.ErrorContext(r.Context(), "httpbridge: value cannot be encoded", "type", fmt.Sprintf("%T", v), "error", err)
		(&Problem{}).ServeHTTP(w, r)
		return
	}
	h := w.Header()
	sum := sha256.Sum256(body.Bytes())
	h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	age := max(int64(time.Since(seen.At)/time.Second), 0)
	h.Set("Age", strconv.FormatInt(age, 10))
	if cfg.MaxAge > 0 { // a cache counts Age against max-age
		h.Set("Cache-Control", fmt.Sprintf("max-age=%d", age+int64(cfg.MaxAge/time.Second)))
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if len(seen.Stale) > 0 {
		h.Set("Stale", strings.Join(seen.Stale, ", "))
	}
	h.Set("Last-Modified", seen.At.UTC().Format(http.TimeFormat))
	// No time for ServeContent: a second is too coarse to answer If-Modified-Since
	// by, and the ETag is exact.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body.Bytes()))
}
