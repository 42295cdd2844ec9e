package httpbridge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// rendering is a value of a Latest as it is sent, to all requests that see the same:
// a version, in a state, as stale. It is encoded by the request that comes first,
// while others wait for ready.
type rendering struct {
	// Immutable.
	number uint64 // of the version
	stale  staleness
	state  any
	ready  chan struct{} // closed once what follows is there

	// Written once, before ready is closed.
	seen     Seen
	body     []byte
	etag     string // of body
	length   string // of body
	modified string // seen.At
	err      error  // why there is no body
}

// staleness is a set of reasons.
type staleness uint8

const (
	stalePoll staleness = 1 << iota
	staleData
)

func (s staleness) reasons() (reasons []string) {
	if s&stalePoll != 0 {
		reasons = append(reasons, StalePoll)
	}
	if s&staleData != 0 {
		reasons = append(reasons, StaleData)
	}
	return reasons
}

// staleAt says whether a value that was set at is stale now.
func (cfg *LatestConfig) staleAt(now time.Time, v any, at time.Time) (s staleness) {
	if cfg.StaleAfter > 0 && now.Sub(at) > cfg.StaleAfter {
		s |= stalePoll
	}
	if cfg.DataStaleAfter > 0 {
		if d, ok := v.(interface{ DataTime() time.Time }); ok && now.Sub(d.DataTime()) > cfg.DataStaleAfter {
			s |= staleData
		}
	}
	return s
}

// render returns what v is sent as now. An error is not kept: who comes later tries
// again.
func (s *latestServer[T]) render(ctx context.Context, v version[T], now time.Time) (*rendering, error) {
	stale := s.cfg.staleAt(now, v.value, v.at)
	var state any
	if s.cfg.State != nil {
		state = s.cfg.State()
		if !reflect.ValueOf(state).Comparable() {
			return nil, configError("LatestConfig.State returned a %T, which == cannot compare", state)
		}
	}
	for {
		old := s.rendered.Load()
		if old != nil && old.number == v.id.n && old.stale == stale && old.state == state {
			if rd, err := old.await(ctx); !errors.Is(err, errOnReactor) {
				return rd, err
			}
			// A reactor must not wait: it encodes one of its own.
		}
		fresh := &rendering{number: v.id.n, stale: stale, state: state, ready: make(chan struct{})}
		if s.rendered.CompareAndSwap(old, fresh) {
			s.encode(fresh, v)
			return fresh, fresh.err
		}
	}
}

// await waits for the one who encodes it, no longer than ctx lasts. A pool's worker
// lends its slot meanwhile: what the encoding takes may need it.
func (rd *rendering) await(ctx context.Context) (*rendering, error) {
	select {
	case <-rd.ready:
		return rd, rd.err
	default:
	}
	resume, err := lendSlot()
	if err != nil {
		return nil, err
	}
	defer resume()
	select {
	case <-rd.ready:
		return rd, rd.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// encode makes fresh what v is sent as. If that fails, or View ends the goroutine, it
// is forgotten before those who wait for it know.
func (s *latestServer[T]) encode(fresh *rendering, v version[T]) {
	defer close(fresh.ready)
	defer func() {
		if fresh.err != nil {
			s.rendered.CompareAndSwap(fresh, nil)
		}
	}()
	fresh.seen = Seen{v.value, v.at, fresh.stale.reasons(), v.id.String(), fresh.state}
	fresh.make(s.cfg.View)
}

// make encodes what was seen, before anything is sent, so that a failure is a clean
// 500.
func (rd *rendering) make(view func(Seen) any) {
	rd.err = eventual.ErrGoexit // unless it comes to an end
	defer func() {
		if v := recover(); v != nil {
			rd.err = eventual.Recovered(v)
		}
	}()
	shown := rd.seen.Value
	if view != nil {
		shown = view(rd.seen)
	}
	var body bytes.Buffer
	if err := encodeJSON(&body, nil, shown); err != nil {
		rd.err = fmt.Errorf("httpbridge: encoding a %T: %w", shown, err)
		return
	}
	rd.body = body.Bytes()
	sum := sha256.Sum256(rd.body)
	rd.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	rd.length = strconv.Itoa(len(rd.body))
	rd.modified = rd.seen.At.UTC().Format(http.TimeFormat)
	rd.err = nil
}
