package httpbridge

import (
	"errors"
	"net/http"
)

// Subscription is what one request follows.
type Subscription[T any] struct {
	Stream *Stream[T]
	// Only says which events the client gets. It is called on the goroutine that
	// serves the request. Nil: all.
	Only func(T) bool
}

// Handler serves s to any number of clients, as server-sent events.
//
//	var room httpbridge.Stream[Message]
//	mux.Handle("GET /events", room.Handler(httpbridge.EventsConfig{History: 50}))
//
// A stream is of one origin unless cfg.Origins says otherwise, is not ended by
// Server.WriteTimeout or ReadTimeout, and ends with the request's ctx, with Close,
// and when a server shuts down that was given to [EndOnShutdown]. On HTTP/1.1 a
// browser has six connections for all of its tabs: one stream for a page.
func (s *Stream[T]) Handler(cfg EventsConfig) http.Handler {
	return Subscribe(func(*http.Request) (Subscription[T], error) { return Subscription[T]{Stream: s}, nil }, cfg)
}

// Subscribe serves to each request the stream that pick picks for it, such as the
// room that its path names. When pick fails the error becomes a problem, by cfg.Errors
// and [ProblemFor]. Limits on clients count those of all streams.
func Subscribe[T any](pick func(*http.Request) (Subscription[T], error), cfg EventsConfig) http.Handler {
	server := newEventServer(cfg)
	return server.handler(func(r *http.Request) (source, error) {
		sub, err := pick(r)
		switch {
		case err != nil:
			return nil, err
		case sub.Stream == nil:
			return nil, errNoStream
		}
		return &follower[T]{s: sub.Stream, only: sub.Only, overflow: server.cfg.Overflow, history: server.cfg.History}, nil
	})
}

var errNoStream = errors.New("httpbridge: Subscribe: no stream was picked for a request")
