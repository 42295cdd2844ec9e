package httpbridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// Executor runs functions on goroutines of its own, so many at once and no more; a
// *threadpool.Pool is one. CallInThread returns an error if f is not accepted, and
// should not wait for room: a pool with BlockWhenFull holds requests up that
// [Middleware] would refuse. What it accepts it runs, unless it is stopped first.
type Executor interface {
	CallInThread(ctx context.Context, f func(context.Context)) error
}

// PoolConfig says how [Middleware] treats requests. The zero value is ready.
type PoolConfig struct {
	// Timeout is how long a request may take, its time in the queue included. Zero:
	// 30 s.
	Timeout time.Duration
	// QueueLimit is how many requests may wait, for a worker or, in a handler whose
	// worker lends its slot meanwhile, for a result; more are refused at once. A
	// request waits, for a moment, also when a worker is free, so it should not be
	// less than the pool has workers. Zero: 100. Negative: the pool decides.
	QueueLimit int
	// QueueTimeout is how long a request may wait for a worker. Zero: 5 s.
	QueueTimeout time.Duration
	// RetryAfter is what a client is told to wait that is refused; up to as much
	// again is added at random, so that not all come back together. Zero: 1 s.
	RetryAfter time.Duration
	// Limit bounds how much one client has going. Zero: no bound.
	Limit *ClientLimit

	// Errors turn errors into problems; the first that is about an error decides,
	// and after all of them [ProblemFor].
	Errors []ErrorRule
	// ServeProblem sends a problem. It must not be slow. Zero: Problem.ServeHTTP.
	ServeProblem func(w http.ResponseWriter, r *http.Request, p *Problem)
	// ReadAhead is how many bytes of a request body that the handler does not read
	// are read into memory meanwhile. Only when an HTTP/1 body was read to its end
	// can it be noticed that the client has left: a longer one hides that until the
	// handler has read it, or the time is up. Zero: 256 KiB. Negative: none.
	ReadAhead int
	// Logger gets panics and what a client is not told. Zero: slog.Default().
	Logger *slog.Logger
}

const (
	defaultPoolTimeout  = 30 * time.Second
	defaultQueueLimit   = 100
	defaultQueueTimeout = 5 * time.Second
)

func (cfg PoolConfig) withDefaults() PoolConfig {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultPoolTimeout
	}
	if cfg.QueueLimit == 0 {
		cfg.QueueLimit = defaultQueueLimit
	}
	if cfg.QueueTimeout <= 0 {
		cfg.QueueTimeout = defaultQueueTimeout
	}
	if cfg.RetryAfter <= 0 {
		cfg.RetryAfter = time.Second
	}
	if cfg.ReadAhead == 0 {
		cfg.ReadAhead = defaultReadAhead
	}
	return cfg
}

// Middleware has handlers run by the workers of p: never more at once than p has,
// however many requests there are. It is for handlers that block, on a database
// perhaps, and are in trouble when too many of them do.
//
//	pool, err := threadpool.New(threadpool.Config{Name: "db", Max: 8})
//	mux.Handle("/report", httpbridge.Middleware(pool, httpbridge.PoolConfig{})(report))
//
// What is too much is refused at once, with 503 and Retry-After. A request that
// is not begun within QueueTimeout gets the same, and one that takes longer than
// Timeout gets 504.
//
// Blocking code cannot be ended, so a handler whose request is over, because its
// time is up or the client has gone, is left behind: its ctx ends, its worker is
// taken until it returns, and what it writes is refused with
// [http.ErrHandlerTimeout]. If it has sent part of a response already the
// connection is cut, so that nobody takes that part for the whole. The request's
// body reads as closed then.
//
// The handler's response writer has what http.ResponseController looks for, and is
// an http.Flusher and an http.Hijacker. It has no Unwrap method, because what is
// left behind must not reach the server's own writer.
//
// A handler that waits for a result on a worker of a *threadpool.Pool lends its slot
// to another meanwhile. It counts as one that waits then, so there are never more
// requests in progress than p has workers and QueueLimit allows.
//
// A panic is logged, with the handler's stack, and is 500, or cuts the connection
// when part of the response was sent; http.ErrAbortHandler cuts it in silence.
//
// An event stream of this package, a long poll and a hijacked connection do not
// count: the worker lends its slot to another as long as they last, if p is a
// *threadpool.Pool, and Timeout does not end them. The ctx of a hijacked request still
// ends at Timeout: what goes on needs one of its own.
//
// Handlers that were wrapped by the same Middleware share its limits.
func Middleware(p Executor, cfg PoolConfig) func(http.Handler) http.Handler {
	cfg = cfg.withDefaults()
	m := &middleware{PoolConfig: cfg, pool: p, known: make(chan struct{}), route: &route{HandlerConfig: HandlerConfig{
		Errors: cfg.Errors, ServeProblem: cfg.ServeProblem, Logger: cfg.Logger,
	}}}
	if p == nil {
		m.route.err = configError("Middleware: nil Executor")
		m.route.logger().Error("httpbridge: middleware cannot serve", "error", m.route.err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(next, w, r) })
	}
}

// middleware is what the requests of a Middleware share.
type middleware struct {
	PoolConfig // with defaults
	pool       Executor
	route      *route

	life    atomic.Pointer[context.Context] // what the pool gives to what it runs
	known   chan struct{}                   // closed once there is life
	note    sync.Once                       // for that
	waiting atomic.Int64                    // requests that are in the pool's queue, or about to be, or in a lent slot
}

// notePool keeps the ctx that the pool gives to what it runs. That of a
// *threadpool.Pool is its own and ends when it drops what is in its queue, of which
// nobody else tells.
func (m *middleware) notePool(ctx context.Context) {
	m.note.Do(func() {
		m.life.Store(&ctx)
		close(m.known)
	})
}

// poolEnds returns a channel that is closed when the pool may have dropped what is in
// its queue. It is for after known is closed.
func (m *middleware) poolEnds() <-chan struct{} { return (*m.life.Load()).Done() }

// poolEnded returns the pool's error if it has. If it has not, that ctx was of no
// more than one function, and says nothing from now on.
func (m *middleware) poolEnded() error {
	err := m.pool.CallInThread(context.Background(), func(context.Context) {})
	if errors.Is(err, eventual.ErrStopped) {
		return err
	}
	never := context.Background()
	m.life.Store(&never)
	return nil
}

// refusal is why a request was not begun. It says so to a client whatever the
// reason is: come again.
type refusal struct {
	err   error
	after time.Duration
}

func (e refusal) Error() string             { return "httpbridge: request refused: " + e.err.Error() }
func (e refusal) Unwrap() error             { return e.err }
func (e refusal) HTTPStatus() int           { return http.StatusServiceUnavailable }
func (e refusal) RetryAfter() time.Duration { return e.after }

var (
	errNoWorker = errors.New("no worker was free in time")
	errTooLong  = fmt.Errorf("httpbridge: the handler took too long: %w", eventual.ErrTimeout)
)
