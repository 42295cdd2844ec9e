package httpbridge

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// EventsConfig says how a stream of server-sent events is served. The zero value
// is ready.
type EventsConfig struct {
	// Event is the name of the events that [Events] sends; a [Stream] has its own.
	// Zero: none, which a browser calls "message".
	Event string
	// View makes of the value of [Events] what is encoded as JSON, once for each
	// change, for all clients. Zero: the value itself.
	View func(Seen) any

	// Overflow says what becomes of a client of a [Stream] that falls behind.
	// Zero: Disconnect. Events always keeps the latest.
	Overflow Overflow
	// History is how many of the events that a [Stream] keeps a client gets that
	// comes for the first time. Zero: none.
	History int

	// Retry is how long a browser waits before it connects again, to which up to
	// half as much is added at random. Zero: 2 s.
	Retry time.Duration
	// Heartbeat is how long a stream is silent before it gives a sign of life.
	// Zero: 15 s.
	Heartbeat time.Duration
	// WriteTimeout is how long an event may take to be written: a client that
	// reads nothing is disconnected after it. It takes the place of
	// Server.WriteTimeout, which is for whole responses. Zero: 10 s.
	WriteTimeout time.Duration

	// MaxClients is how many streams the handler serves at once; more get 503.
	// Zero: 10,000.
	MaxClients int
	// MaxPerOwner is how many of them may belong to one owner; more get 429.
	// Zero: any number.
	MaxPerOwner int
	// Owner says whose a request is, by a cookie perhaps. Zero: the address it
	// comes from, which is the same for all clients of a proxy.
	Owner func(*http.Request) string
	// Origins are other origins whose pages may follow the stream with the
	// visitor's cookies, such as https://app.example. The handler's own always may,
	// and so may what is no browser. Zero: none.
	Origins []string

	// Errors turn errors of [Subscribe]'s pick into problems; the first that is about
	// an error decides, and after all of them [ProblemFor].
	Errors []ErrorRule
	// ServeProblem sends a problem. It must not be slow. Zero: Problem.ServeHTTP.
	ServeProblem func(w http.ResponseWriter, r *http.Request, p *Problem)
	// Logger gets what cannot be encoded and, at level debug, why a stream ended.
	// Zero: slog.Default().
	Logger *slog.Logger
}

// Overflow says what becomes of a client that falls further behind than events
// are kept.
type Overflow int

const (
	// Disconnect ends the client's stream. A browser connects again by itself and
	// is told, with the event reset, that it missed some. For what must not be
	// lost unnoticed.
	Disconnect Overflow = iota
	// KeepLatest has the client get the newest event whenever it is ready for
	// another, and none of those before. There are no resets then. For what
	// replaces what was before.
	KeepLatest
)

const (
	defaultRetry        = 2 * time.Second
	defaultHeartbeat    = 15 * time.Second
	defaultWriteTimeout = 10 * time.Second
	defaultMaxClients   = 10_000
)

func (cfg EventsConfig) withDefaults() EventsConfig {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&cfg.Retry, defaultRetry}, {&cfg.Heartbeat, defaultHeartbeat}, {&cfg.WriteTimeout, defaultWriteTimeout}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if cfg.MaxClients <= 0 {
		cfg.MaxClients = defaultMaxClients
	}
	return cfg
}

func (cfg *EventsConfig) log() *slog.Logger {
	if cfg.Logger != nil {
		return cfg.Logger
	}
	return slog.Default()
}

// source gives the events of one client. It belongs to the goroutine that serves
// the request.
type source interface {
	// open is called first and once, with the id that the client has seen last, or
	// "". It returns what is to be sent first, or ErrStreamClosed if nothing will
	// ever come.
	open(last string) (first []byte, err error)
	// take returns complete events to send now. When there are none it returns the
	// channel that is closed when to ask again, or why the stream ends. The events
	// are read until the next call.
	take() (frames [][]byte, more <-chan struct{}, err error)
}

// ender is a source that wants to know that its stream has ended, and why.
type ender interface{ ended(err error) }

// eventServer is what all streams of one handler share.
type eventServer struct {
	cfg   EventsConfig // with defaults
	route route
	seats seats
}

func newEventServer(cfg EventsConfig) *eventServer {
	cfg = cfg.withDefaults()
	return &eventServer{
		cfg:   cfg,
		route: route{HandlerConfig: HandlerConfig{Errors: cfg.Errors, ServeProblem: cfg.ServeProblem, Logger: cfg.Logger}},
		seats: seats{most: cfg.MaxClients, mostPerOwner: cfg.MaxPerOwner},
	}
}

// handler returns a handler that serves the sources that source makes.
func (s *eventServer) handler(source func(*http.Request) (source, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchange{route: &s.route, w: w, r: r}
		defer x.end()
		leave, ok := s.admit(w, r)
		if !ok {
			return
		}
		defer leave()
		src, err := source(r)
		if err != nil {
			x.fail(err)
			return
		}
		x.out = true
		s.serve(w, r, src)
	})
}

// admit answers requests that get no stream. When it reports true the caller calls
// leave when the stream has ended.
func (s *eventServer) admit(w http.ResponseWriter, r *http.Request) (leave func(), ok bool) {
	var p *Problem
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		p = &Problem{Status: http.StatusMethodNotAllowed}
	} else if !allowOrigin(w, r, s.cfg.Origins) {
		p = &Problem{Status: http.StatusForbidden, Detail: "Pages of other origins may not follow this stream."}
	} else {
		leave, p = s.seats.take(ownerOf(s.cfg.Owner, r))
	}
	if p != nil {
		s.problem(w, r, p)
	}
	return leave, p == nil
}

func (s *eventServer) problem(w http.ResponseWriter, r *http.Request, p *Problem) {
	x := exchange{route: &s.route, w: w, r: r}
	x.problem(p)
}

// serve sends the events of src until the client goes, src ends or the server
// shuts down.
func (s *eventServer) serve(w http.ResponseWriter, r *http.Request, src source) {
	ctx, resume, err := leavePool(r)
	if err == nil {
		defer resume()
		err = s.stream(ctx, w, r, src)
	}
	switch {
	case errors.Is(err, errNoFlush), errors.Is(err, errOnReactor):
		s.cfg.log().ErrorContext(r.Context(), "httpbridge: no event stream", "path", r.URL.Path, "error", err)
		s.problem(w, r, &Problem{})
	default:
		s.cfg.log().DebugContext(r.Context(), "httpbridge: event stream ended", "path", r.URL.Path, "error", err)
	}
}

func (s *eventServer) stream(ctx context.Context, w http.ResponseWriter, r *http.Request, src source) (err error) {
	if src, ok := src.(ender); ok {
		defer func() { src.ended(err) }()
	}
	first, err := src.open(lastEventID(r))
	if err != nil {
		w.WriteHeader(http.StatusNoContent) // a browser does not come again
		return err
	}
	e, err := openEvents(w, s.cfg.WriteTimeout)
	if err != nil {
		return err
	}
	defer e.close()
	shutdown := shutdownOf(ctx)
	defer context.AfterFunc(ctx, func() { e.interrupt(context.Cause(ctx)) })()
	defer context.AfterFunc(shutdown, func() { e.interrupt(http.ErrServerClosed) })()
	if err := e.send(append(s.retry(), first...)); err != nil {
		return err
	}
	silence := time.NewTimer(s.cfg.Heartbeat)
	defer silence.Stop()
	for {
		frames, more, err := src.take()
		if err != nil {
			return err
		}
		if len(frames) == 0 {
			select {
			case <-more:
				continue
			case <-silence.C:
				frames = [][]byte{heartbeat}
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-shutdown.Done():
				return http.ErrServerClosed
			}
		}
		if err := e.send(frames...); err != nil {
			return err
		}
		silence.Reset(s.cfg.Heartbeat)
	}
}

// retry is the field that tells a browser when to connect again: not all at once.
func (s *eventServer) retry() []byte {
	d := s.cfg.Retry + rand.N(s.cfg.Retry/2+1)
	return append(strconv.AppendInt([]byte("retry: "), d.Milliseconds(), 10), '\n')
}
