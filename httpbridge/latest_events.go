package httpbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// Events serves the values of l as server-sent events: the one that is there, and
// then each change. A client that is slower than l changes gets the newest when it
// is ready, and one that comes back gets nothing that it has seen already. What
// [Stream.Handler] says of streams holds.
func Events[T any](l *eventual.Latest[T], cfg EventsConfig) http.Handler {
	server := newEventServer(cfg)
	shared := &changes[T]{l: l, cfg: &server.cfg, epoch: newEpoch()}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, ok := server.admit(w, r)
		if !ok {
			return
		}
		defer leave()
		server.serve(w, r, &latestFollower[T]{changes: shared})
	})
}

// changes numbers the values of a Latest and encodes each once, for all clients of
// a handler.
type changes[T any] struct {
	l     *eventual.Latest[T]
	cfg   *EventsConfig
	epoch string

	mu     sync.Mutex // guards what follows; nothing blocks and no function of the user's runs under it
	next   *eventual.Result[T]
	newest change[T]
}

// change is a value of a Latest.
type change[T any] struct {
	n     uint64 // 0: there is no value yet
	value T
	at    time.Time
	event *encodedEvent
}

// encodedEvent is made by the first who needs it, while others wait for ready.
type encodedEvent struct {
	claimed bool          // guarded by changes.mu
	ready   chan struct{} // closed once frame is there
	frame   []byte        // nil if the value cannot be encoded
}

// look returns the newest value, and the channel that is closed when it is not the
// newest any more. Whoever is the first to look at a value, mine, encodes it.
func (c *changes[T]) look() (now change[T], changed <-chan struct{}, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.next == nil || isDone(c.next) {
		// In this order, so that what is set in between is not missed.
		c.next = c.l.Next()
		if v, at, ok := c.l.Load(); ok {
			c.newest = change[T]{n: c.newest.n + 1, value: v, at: at, event: &encodedEvent{ready: make(chan struct{})}}
		}
	}
	if e := c.newest.event; e != nil && !e.claimed {
		e.claimed, mine = true, true
	}
	return c.newest, c.next.Done(), mine
}

func isDone[T any](r *eventual.Result[T]) bool { _, done := r.Peek(); return done }

// encode makes the event of now. It is called by one goroutine, once.
func (c *changes[T]) encode(now change[T]) {
	e := now.event
	defer close(e.ready)
	frame, err := c.render(now)
	if err != nil {
		c.cfg.log().Error("httpbridge: value cannot be encoded", "type", fmt.Sprintf("%T", now.value), "error", err)
		return
	}
	e.frame = frame
}

func (c *changes[T]) render(now change[T]) (frame []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
	}()
	var view any = now.value
	if c.cfg.View != nil {
		view = c.cfg.View(Seen{Value: now.value, At: now.at})
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(view); err != nil {
		return nil, err
	}
	frame, err = appendEvent(nil, c.cfg.Event, bytes.TrimSuffix(body.Bytes(), []byte("\n")))
	if err != nil {
		return nil, err
	}
	return endEvent(frame, eventID{c.epoch, now.n}), nil
}

// latestFollower is one client of Events.
type latestFollower[T any] struct {
	*changes[T]
	seen  uint64
	frame [1][]byte
}

func (f *latestFollower[T]) open(last string) (first []byte, err error) {
	if id, ok := parseEventID(last); ok && id.epoch == f.epoch {
		f.seen = id.n
	}
	return []byte("\n"), nil
}

func (f *latestFollower[T]) take() (frames [][]byte, more <-chan struct{}, err error) {
	now, changed, mine := f.look()
	if mine {
		f.encode(now)
	}
	if now.n == f.seen || now.event == nil {
		return nil, changed, nil
	}
	select {
	case <-now.event.ready:
	default:
		return nil, now.event.ready, nil
	}
	f.seen = now.n
	if now.event.frame == nil {
		return nil, changed, nil
	}
	f.frame[0] = now.event.frame
	return f.frame[:], nil, nil
}
