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
// room that its path names. When pick fails the error is the response, if it is a
// [*Problem]. Limits on clients count those of all streams.
func Subscribe[T any](pick func(*http.Request) (Subscription[T], error), cfg EventsConfig) http.Handler {
	server := newEventServer(cfg)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, ok := server.admit(w, r)
		if !ok {
			return
		}
		defer leave()
		sub, err := pick(r)
		if err == nil && sub.Stream == nil {
			err = errors.New("httpbridge: Subscribe: no stream was picked")
		}
		if err != nil {
			server.fail(w, r, err)
			return
		}
		f := &follower[T]{s: sub.Stream, only: sub.Only, overflow: server.cfg.Overflow, history: server.cfg.History}
		sub.Stream.enter(0)
		defer sub.Stream.exit()
		server.serve(w, r, f)
	})
}

func (s *eventServer) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		s.cfg.log().ErrorContext(r.Context(), "httpbridge: no stream for a request", "path", r.URL.Path, "error", err)
		p = &Problem{}
	}
	p.ServeHTTP(w, r)
}
