package httpbridge

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/trestle-go/trestle/eventual"
)

// Events serves the values of l as server-sent events: the one that is there, and
// then each change. A client that is slower than l changes gets the newest when it
// is ready, and one that comes back gets nothing that it has seen already. What
// [Stream.Handler] says of streams holds.
func Events[T any](l *eventual.Latest[T], cfg EventsConfig) http.Handler {
	server := newEventServer(cfg)
	shared := newVersions(l)
	return server.handler(func(*http.Request) (source, error) {
		return &latestFollower[T]{versions: shared, cfg: &server.cfg}, nil
	})
}

// latestFollower is one client of Events.
type latestFollower[T any] struct {
	*versions[T]
	cfg   *EventsConfig
	seen  uint64 // number of the version that was sent last
	frame [1][]byte
}

func (f *latestFollower[T]) open(last string) (first []byte, err error) {
	if id, ok := parseEventID(last); ok && id.epoch == f.epoch {
		f.seen = id.n
	}
	return []byte("\n"), nil
}

// take returns the newest value, unless it was the last. Whoever comes to a value
// first encodes it, for all.
func (f *latestFollower[T]) take() (frames [][]byte, more <-chan struct{}, err error) {
	now, next := f.look()
	if now.event == nil || now.id.n == f.seen {
		return nil, next.Done(), nil
	}
	if now.event.claimed.CompareAndSwap(false, true) {
		f.encode(now)
	}
	select {
	case <-now.event.ready:
	default:
		return nil, now.event.ready, nil
	}
	f.seen = now.id.n
	if now.event.frame == nil {
		return nil, next.Done(), nil
	}
	f.frame[0] = now.event.frame
	return f.frame[:], nil, nil
}

// encode makes the event of now.
func (f *latestFollower[T]) encode(now version[T]) {
	defer close(now.event.ready)
	frame, err := f.render(now)
	if err != nil {
		f.cfg.log().Error("httpbridge: value cannot be encoded", "type", fmt.Sprintf("%T", now.value), "error", logged(err))
		return
	}
	now.event.frame = frame
}

func (f *latestFollower[T]) render(now version[T]) (frame []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
	}()
	var view any = now.value
	if f.cfg.View != nil {
		view = f.cfg.View(Seen{Value: now.value, At: now.at, Version: now.id.String()})
	}
	var body bytes.Buffer
	if err := encodeJSON(&body, nil, view); err != nil {
		return nil, err
	}
	frame, err = appendEvent(nil, f.cfg.Event, bytes.TrimSuffix(body.Bytes(), []byte("\n")))
	if err != nil {
		return nil, err
	}
	return endEvent(frame, now.id), nil
}
