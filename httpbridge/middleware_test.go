package httpbridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/threadpool"
)

func newPool(t testing.TB, cfg threadpool.Config) *threadpool.Pool {
	t.Helper()
	p, err := threadpool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

// pooled serves h in a pool with so many workers.
func pooled(t *testing.T, workers int, cfg httpbridge.PoolConfig, h http.HandlerFunc) http.Handler {
	t.Helper()
	return httpbridge.Middleware(newPool(t, threadpool.Config{Max: workers}), cfg)(h)
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of the request, or of reading the body
}

func ask(url string) answer {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return answer{err: err}
	}
	return send(req)
}

func send(req *http.Request) answer {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body), err}
}

// inTurn asks until there was a turn in time, which on a slow machine may take a few
// attempts where the time is short.
func inTurn(t *testing.T, ask func() answer) (a answer) {
	t.Helper()
	await(t, func() bool {
		a = ask()
		return a.status != http.StatusServiceUnavailable
	})
	return a
}

func TestMiddleware_H07_BoundedUnderTenfoldOverload(t *testing.T) {
	const workers, queue, clients = 4, 8, 120
	var running, most, served atomic.Int32
	gate := make(chan struct{})
	url := serve(t, pooled(t, workers, httpbridge.PoolConfig{QueueLimit: queue, QueueTimeout: patience, Timeout: patience}, func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-gate
		running.Add(-1)
		served.Add(1)
		fmt.Fprint(w, "done")
	}))
	answers := make(chan answer, clients)
	for range clients {
		go func() { answers <- ask(url) }() // ends with the answer
	}
	// Nobody is served yet, so all that comes now was refused at once.
	for range clients - workers - queue {
		a := <-answers
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.header.Get("Content-Type") != "application/problem+json" {
			t.Fatalf("%+v", a)
		}
	}
	if n := running.Load(); n != workers {
		t.Errorf("%d run, want %d", n, workers)
	}
	close(gate)
	for range workers + queue {
		if a := <-answers; a.status != 200 || a.body != "done" {
			t.Errorf("%+v", a)
		}
	}
	if most.Load() != workers || served.Load() != workers+queue {
		t.Errorf("at most %d at once, %d served", most.Load(), served.Load())
	}
}

// TestMiddleware_H07_HandlersThatWaitForResultsAreBounded: a worker that waits for a
// result lends its slot, and yet there is an end to how many requests do.
func TestMiddleware_H07_HandlersThatWaitForResultsAreBounded(t *testing.T) {
	const workers, queue, clients = 2, 6, 80
	var running, most atomic.Int32
	gate, open := eventual.New[string](nil)
	h := pooled(t, workers, httpbridge.PoolConfig{QueueLimit: queue, QueueTimeout: patience, Timeout: patience}, func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		text, err := gate.WaitContext(r.Context())
		running.Add(-1)
		fmt.Fprint(w, text, err)
	})
	url := serve(t, h)
	wave := func(meanwhile func()) (served int) {
		answers := make(chan answer, clients)
		for range clients {
			go func() { answers <- ask(url) }() // ends with the answer
		}
		for i := range clients {
			if i == clients-workers-queue { // so many were refused at once
				meanwhile()
			}
			switch a := <-answers; {
			case a.status == 200 && a.body == "done<nil>":
				served++
			case a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "":
				t.Fatalf("%+v", a)
			}
		}
		return served
	}
	if served, n := wave(func() { open("done", nil) }), int(most.Load()); served < n || n < queue || n > workers+queue {
		t.Errorf("at most %d at once, %d served", n, served)
	}
	// What was counted is given back.
	if served := wave(func() {}); served < queue {
		t.Errorf("only %d served", served)
	}
}

// TestMiddleware_H07_AHandlerMayStopItsPool: the pool still knows its own worker.
func TestMiddleware_H07_AHandlerMayStopItsPool(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	url := serve(t, httpbridge.Middleware(p, httpbridge.PoolConfig{Timeout: patience})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, p.Stop(context.Background()))
	})))
	if a := ask(url); a.body != "<nil>" {
		t.Errorf("%+v", a)
	}
}

func TestMiddleware_H07_StreamsDoNotEatTheBudget(t *testing.T) {
	var s httpbridge.Stream[int]
	var l eventual.Latest[int]
	mux := http.NewServeMux()
	mux.Handle("GET /stream", s.Handler(httpbridge.EventsConfig{}))
	mux.Handle("GET /events", httpbridge.Events(&l, httpbridge.EventsConfig{}))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") })
	const timeout = 100 * time.Millisecond
	p := newPool(t, threadpool.Config{Max: 1})
	url := serve(t, httpbridge.Middleware(p, httpbridge.PoolConfig{Timeout: timeout})(mux))

	var all []*following
	for range 5 {
		for _, path := range []string{"/stream", "/events"} {
			await(t, func() bool { // a slow machine may need more than the timeout
				f := follow(t, url+path)
				if f.resp.StatusCode == 200 {
					all = append(all, f)
				}
				return f.resp.StatusCode != http.StatusServiceUnavailable
			})
		}
	}
	if len(all) != 10 {
		t.Fatalf("%d of 10 streams", len(all))
	}
	time.Sleep(2 * timeout) // the deadline of a request does not end a stream
	for i := range 3 {
		await(t, func() bool { return ask(url+"/").body == "ok" })
		publish(t, &s, i)
		l.Set(i)
		for _, f := range all {
			f.want(fmt.Sprint(i))
		}
	}
}

// A stream that waits for something while its slot is lent does not lend it twice.
func TestMiddleware_H07_AfterAStreamTheBoundIsWhatItWas(t *testing.T) {
	var s httpbridge.Stream[int]
	var running, most atomic.Int32
	mux := http.NewServeMux()
	mux.Handle("GET /stream", httpbridge.Subscribe(func(*http.Request) (httpbridge.Subscription[int], error) {
		return httpbridge.Subscription[int]{Stream: &s, Only: func(n int) bool {
			v, err := eventual.Go(t.Context(), func(context.Context) (int, error) {
				time.Sleep(time.Millisecond) // so that the wait has to park
				return n, nil
			}).Wait(patience)
			return err == nil && v == n
		}}, nil
	}, httpbridge.EventsConfig{}))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Millisecond)
	})
	url := serve(t, pooled(t, 1, httpbridge.PoolConfig{Timeout: patience, QueueTimeout: patience}, mux.ServeHTTP))
	f := follow(t, url+"/stream")
	publish(t, &s, 1, 2)
	f.want("1", "2")
	f.resp.Body.Close()
	await(t, func() bool { return s.Stats().Clients == 0 })
	answers := make(chan answer)
	for range 20 {
		go func() { answers <- ask(url + "/") }()
	}
	for range 20 {
		if a := <-answers; a.status != 200 {
			t.Errorf("%+v", a)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestMiddleware_H07_NoTurnInTime(t *testing.T) {
	gate, begun := make(chan struct{}), make(chan struct{}, 2)
	h := pooled(t, 1, httpbridge.PoolConfig{QueueTimeout: 20 * time.Millisecond}, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-gate
	})
	url := serve(t, h)
	first := make(chan answer)
	go func() { first <- ask(url) }()
	<-begun
	if a := ask(url); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v", a)
	}
	close(gate)
	if a := <-first; a.status != 200 {
		t.Errorf("%+v", a)
	}
	if a := inTurn(t, func() answer { return ask(url) }); a.status != 200 { // what was given up does not count as waiting
		t.Errorf("%+v", a)
	}
}

func TestMiddleware_H02_PerClientLimit(t *testing.T) {
	gate, begun := make(chan struct{}), make(chan struct{}, 4)
	limit := &httpbridge.ClientLimit{Max: 1, Key: func(r *http.Request) string { return r.Header.Get("User") }}
	h := pooled(t, 4, httpbridge.PoolConfig{Limit: limit}, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-gate
	})
	url := serve(t, h)
	as := func(user string) answer {
		req, _ := http.NewRequest(http.MethodGet, url, nil)
		req.Header.Set("User", user)
		return send(req)
	}
	others := make(chan answer, 2)
	go func() { others <- as("ann") }()
	go func() { others <- as("bob") }()
	<-begun
	<-begun
	if a := as("ann"); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v", a)
	}
	close(gate)
	for range 2 {
		if a := <-others; a.status != 200 {
			t.Errorf("%+v", a)
		}
	}
	if a := as("ann"); a.status != 200 {
		t.Errorf("%+v", a)
	}
}

func TestMiddleware_H02_PanicsAre500AndLoggedWithTheirStack(t *testing.T) {
	var log logtest.Log
	url := serve(t, pooled(t, 1, httpbridge.PoolConfig{Logger: log.Logger()}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "half=done")
		if r.URL.Path == "/late" {
			fmt.Fprint(w, strings.Repeat("x", 100_000))
		}
		if r.URL.Path == "/hints" {
			w.WriteHeader(http.StatusEarlyHints)
		}
		explode("the secret")
	}))
	if a := ask(url + "/hints"); a.status != 500 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("after early hints: %+v", a)
	}
	a := ask(url)
	if a.status != 500 || strings.Contains(a.body, "secret") || a.header.Get("Set-Cookie") != "" {
		t.Errorf("%+v", a)
	}
	if out := log.String(); !strings.Contains(out, "the secret") || !strings.Contains(out, "httpbridge_test.explode") {
		t.Errorf("log: %s", out)
	}
	if a := ask(url + "/late"); a.status != 200 || !errors.Is(a.err, io.ErrUnexpectedEOF) {
		t.Errorf("a response that ends well: %d, %d bytes, %v", a.status, len(a.body), a.err)
	}
	if out := log.String(); strings.Count(out, "httpbridge_test.explode") < 2 {
		t.Errorf("log: %s", out)
	}
}

//go:noinline
func explode(v any) { panic(v) }

func TestMiddleware_H02_ErrAbortHandler(t *testing.T) {
	var log logtest.Log
	url := serve(t, pooled(t, 1, httpbridge.PoolConfig{Logger: log.Logger()}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	if a := ask(url); !errors.Is(a.err, io.EOF) {
		t.Errorf("%+v", a)
	}
	if log.String() != "" {
		t.Errorf("log: %s", log.String())
	}
}

// A handler that outlives its request cannot write to it, keeps its worker, and
// races with nothing.
func TestMiddleware_H02_DeadlineLeavesTheHandlerBehind(t *testing.T) {
	gate, late := make(chan struct{}), make(chan error, 1)
	var ended error
	p := newPool(t, threadpool.Config{Max: 1})
	url := serve(t, httpbridge.Middleware(p, httpbridge.PoolConfig{Timeout: 50 * time.Millisecond})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			return
		}
		<-r.Context().Done()
		ended = r.Context().Err()
		for http.NewResponseController(w).SetReadDeadline(time.Time{}) == nil {
			time.Sleep(time.Millisecond) // the request's goroutine may be a moment behind
		}
		for end := false; !end; {
			select {
			case <-gate:
				end = true
			default:
				w.Header().Add("X-Late", "yes")
				w.WriteHeader(418)
				w.(http.Flusher).Flush()
				r.Body.Read(make([]byte, 1))
			}
		}
		_, err := fmt.Fprint(w, "too late")
		late <- err
	})))
	if a := inTurn(t, func() answer {
		req, _ := http.NewRequest(http.MethodPost, url+"/slow", strings.NewReader(strings.Repeat("x", 10_000)))
		return send(req)
	}); a.status != http.StatusGatewayTimeout || a.err != nil || a.header.Get("X-Late") != "" {
		t.Errorf("%+v", a)
	}
	if a := ask(url); a.status != http.StatusServiceUnavailable { // the worker is still taken
		t.Errorf("%+v", a)
	}
	close(gate)
	if err := <-late; !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("late write: %v", err)
	}
	if !errors.Is(ended, context.DeadlineExceeded) {
		t.Errorf("its ctx: %v", ended)
	}
	await(t, func() bool { return ask(url).status == 200 })
}

// Whoever is told 504 is in the log, before being told.
func TestMiddleware_H02_EachWhoIsTooLateIsLogged(t *testing.T) {
	var log logtest.Log
	const limit = 20 * time.Millisecond
	url := serve(t, pooled(t, 2, httpbridge.PoolConfig{Timeout: limit, Logger: log.Logger()}, func(http.ResponseWriter, *http.Request) {
		time.Sleep(limit + limit/4) // it ends about when it is left behind
	}))
	late := make(chan int)
	for range 3 {
		go func() {
			n := 0
			for range 10 {
				if ask(url).status == http.StatusGatewayTimeout {
					n++
				}
			}
			late <- n
		}()
	}
	if n := <-late + <-late + <-late; strings.Count(log.String(), "status=504") != n {
		t.Errorf("%d were too late; log: %s", n, log.String())
	}
}

// Nobody waits any more, and still it is not lost.
func TestMiddleware_H02_APanicThatIsTooLateIsLogged(t *testing.T) {
	var log logtest.Log
	gate := make(chan struct{})
	h := pooled(t, 1, httpbridge.PoolConfig{Timeout: time.Millisecond, Logger: log.Logger()}, func(http.ResponseWriter, *http.Request) {
		<-gate
		explode("too late")
	})
	status := http.StatusServiceUnavailable // as long as it does not even have its turn in time
	for status == http.StatusServiceUnavailable {
		status = get(t, h).StatusCode
	}
	close(gate)
	if status != http.StatusGatewayTimeout {
		t.Errorf("%d", status)
	}
	await(t, func() bool {
		return strings.Contains(log.String(), "too late") && strings.Contains(log.String(), "httpbridge_test.explode")
	})
}

func TestMiddleware_H02_DeadlineAfterTheHeaderCutsTheConnection(t *testing.T) {
	for name, write := range map[string]func(w http.ResponseWriter, gate chan struct{}){
		"waiting": func(w http.ResponseWriter, gate chan struct{}) {
			fmt.Fprint(w, "half of ")
			w.(http.Flusher).Flush()
			<-gate
		},
		"ending because its ctx ends": nil,
		"ending because a write is refused": func(w http.ResponseWriter, _ chan struct{}) {
			for {
				if _, err := fmt.Fprint(w, "x"); err != nil {
					return
				}
			}
		},
		"writing to one who does not read": func(w http.ResponseWriter, _ chan struct{}) {
			chunk := make([]byte, 1<<20)
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			defer close(gate)
			for {
				url := serve(t, pooled(t, 1, httpbridge.PoolConfig{Timeout: 100 * time.Millisecond, Logger: quiet}, func(w http.ResponseWriter, r *http.Request) {
					if write != nil {
						write(w, gate)
						return
					}
					fmt.Fprint(w, "half of ")
					w.(http.Flusher).Flush()
					<-r.Context().Done()
				}))
				resp, err := http.Get(url)
				if err != nil {
					return // cut before the header was out, which the server keeps back for a while
				}
				defer resp.Body.Close()
				if resp.StatusCode != 200 {
					continue // so slow a machine that the time was up before the handler wrote
				}
				time.Sleep(200 * time.Millisecond) // does not read
				if n, err := io.Copy(io.Discard, resp.Body); err == nil {
					t.Errorf("%d bytes and a good end", n)
				}
				return
			}
		})
	}
}

func TestMiddleware_H02_TheClientThatLeft(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			var log logtest.Log
			started, ended := make(chan struct{}), make(chan error, 1)
			cfg := httpbridge.PoolConfig{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			url := serve(t, pooled(t, 1, cfg, func(w http.ResponseWriter, r *http.Request) {
				close(started) // and the body is not read
				<-r.Context().Done()
				_, err := w.Write(nil)
				for err == nil { // the request's goroutine may be a moment behind
					_, err = w.Write(nil)
				}
				ended <- err
			}))
			ctx, cancel := context.WithCancel(context.Background())
			req, _ := http.NewRequestWithContext(ctx, method, url, strings.NewReader("unread"))
			go send(req) // ends with cancel
			<-started
			cancel()
			if err := <-ended; !errors.Is(err, http.ErrHandlerTimeout) {
				t.Error(err)
			}
			await(t, func() bool { return strings.Contains(log.String(), "status=499") })
		})
	}
}

func TestMiddleware_StoppedPool(t *testing.T) {
	p, err := threadpool.New(threadpool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	h := httpbridge.Middleware(p, httpbridge.PoolConfig{})(http.NotFoundHandler())
	if resp := get(t, h); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Connection") != "close" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

// TestMiddleware_H02_AStoppedPoolAnswersThoseInItsQueue: they do not wait for a turn
// that never comes.
func TestMiddleware_H02_AStoppedPoolAnswersThoseInItsQueue(t *testing.T) {
	p, err := threadpool.New(threadpool.Config{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	entered, gate := make(chan struct{}), make(chan struct{})
	url := serve(t, httpbridge.Middleware(p, httpbridge.PoolConfig{QueueTimeout: time.Hour, Timeout: 2 * time.Hour})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-gate // blocking code that knows of no ctx
	})))
	answers := make(chan answer)
	for range 4 {
		go func() { answers <- ask(url) }() // ends with the answer
	}
	<-entered
	await(t, func() bool { return p.Stats().Queued == 3 })
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Stop(now); err == nil {
		t.Error("the pool stopped, with a handler that runs")
	}
	for range 4 { // the one that runs is left behind
		if a := <-answers; a.status != http.StatusServiceUnavailable || a.err != nil {
			t.Errorf("%+v", a)
		} else if a.header.Get("Retry-After") == "" {
			t.Errorf("%v", a.header)
		}
	}
	close(gate)
	if err := p.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// eachItsOwn is an Executor that ends the ctx of each function with it.
type eachItsOwn struct{ Executor *threadpool.Pool }

func (e eachItsOwn) CallInThread(ctx context.Context, f func(context.Context)) error {
	return e.Executor.CallInThread(ctx, func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		f(ctx)
	})
}

func TestMiddleware_H02_AnEndedCtxIsNotTakenForAStoppedPool(t *testing.T) {
	h := httpbridge.Middleware(eachItsOwn{newPool(t, threadpool.Config{Max: 1})}, httpbridge.PoolConfig{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond)
		fmt.Fprint(w, "ok")
	}))
	url := serve(t, h)
	answers := make(chan answer)
	for range 20 {
		go func() { answers <- ask(url) }() // ends with the answer
	}
	for range 20 {
		if a := <-answers; a.body != "ok" {
			t.Errorf("%+v", a)
		}
	}
}

// TestMiddleware_H02_ARefusalThatRulesMakeAFailureIsLogged: one that never had its
// turn, and whose time is up, is told apart from overload by such a rule.
func TestMiddleware_H02_ARefusalThatRulesMakeAFailureIsLogged(t *testing.T) {
	var log logtest.Log
	gate := make(chan struct{})
	url := serve(t, pooled(t, 2, httpbridge.PoolConfig{
		Timeout: 50 * time.Millisecond, QueueTimeout: patience, Logger: log.Logger(),
		Errors: []httpbridge.ErrorRule{httpbridge.OnError(eventual.ErrTimeout, http.StatusGatewayTimeout)},
	}, func(http.ResponseWriter, *http.Request) { <-gate }))
	defer close(gate)
	answers := make(chan answer)
	for range 3 {
		go func() { answers <- ask(url) }() // ends with the answer
	}
	for range 3 {
		if a := <-answers; a.status != http.StatusGatewayTimeout {
			t.Errorf("%+v", a)
		}
	}
	if strings.Count(log.String(), "status=504") != 3 {
		t.Error(log.String())
	}
}

func TestMiddleware_NilExecutor(t *testing.T) {
	var log logtest.Log
	h := httpbridge.Middleware(nil, httpbridge.PoolConfig{Logger: log.Logger()})(http.NotFoundHandler())
	if resp := get(t, h); resp.StatusCode != 500 || !strings.Contains(log.String(), "nil Executor") {
		t.Errorf("%d, log %s", resp.StatusCode, log.String())
	}
}

func TestMiddleware_ErrorsAreReplaceable(t *testing.T) {
	cfg := httpbridge.PoolConfig{
		Timeout: time.Millisecond,
		Errors:  []httpbridge.ErrorRule{httpbridge.OnError(eventual.ErrTimeout, 503)},
		ServeProblem: func(w http.ResponseWriter, r *http.Request, p *httpbridge.Problem) {
			http.Error(w, "sorry", p.Status)
		},
	}
	resp := get(t, pooled(t, 1, cfg, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 503 || string(body) != "sorry\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestMiddleware_H10_FlushAndDeadlines(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2=%v", h2), func(t *testing.T) {
			next, stalled := make(chan struct{}), make(chan error, 1)
			srv := httptest.NewUnstartedServer(pooled(t, 2, httpbridge.PoolConfig{}, func(w http.ResponseWriter, r *http.Request) {
				rc := http.NewResponseController(w)
				if r.URL.Path == "/stall" {
					err := rc.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
					for chunk := make([]byte, 1<<20); err == nil; {
						_, err = w.Write(chunk)
					}
					stalled <- err
					return
				}
				if err := errors.Join(rc.SetReadDeadline(time.Now().Add(time.Hour)), rc.SetWriteDeadline(time.Time{})); err != nil {
					t.Error(err)
				}
				for i := range 3 {
					fmt.Fprintf(w, "%d\n", i)
					if err := rc.Flush(); err != nil {
						t.Error(err)
					}
					<-next // the client has read it
				}
			}))
			srv.EnableHTTP2 = h2
			srv.StartTLS()
			defer srv.Close()
			resp, err := srv.Client().Get(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if (resp.ProtoMajor == 2) != h2 {
				t.Fatal(resp.Proto)
			}
			line := make([]byte, 2)
			for range 3 {
				if _, err := io.ReadFull(resp.Body, line); err != nil {
					t.Fatal(err)
				}
				next <- struct{}{}
			}
			resp, err = srv.Client().Get(srv.URL + "/stall") // and does not read
			if err == nil {                                  // else it was cut before the header was out
				defer resp.Body.Close()
			}
			if err := <-stalled; err == nil || errors.Is(err, http.ErrHandlerTimeout) {
				t.Error(err)
			}
		})
	}
}

func TestMiddleware_H10_FullDuplex(t *testing.T) {
	url := serve(t, pooled(t, 1, httpbridge.PoolConfig{}, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		for buf := make([]byte, 1); ; {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				return
			}
			w.Write(bytes.ToUpper(buf))
			rc.Flush()
		}
	}))
	body, feed := io.Pipe()
	req, _ := http.NewRequest(http.MethodPost, url, body)
	echo := make(chan *http.Response, 1)
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
		}
		echo <- resp
	}()
	fmt.Fprint(feed, "a")
	resp := <-echo
	defer resp.Body.Close()
	for _, c := range "bcd" {
		got := make([]byte, 1)
		if _, err := io.ReadFull(resp.Body, got); err != nil || got[0] != byte(c-1)-'a'+'A' {
			t.Fatalf("%q, %v", got, err)
		}
		fmt.Fprint(feed, string(c))
	}
	feed.Close()
	if rest, err := io.ReadAll(resp.Body); string(rest) != "D" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// What a handler reads after it began to write is what it would get without the
// pool.
func TestMiddleware_EchoesABody(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		for buf := make([]byte, 10); ; {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			if err == io.EOF {
				fmt.Fprint(w, " end")
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}
	url := serve(t, pooled(t, 1, httpbridge.PoolConfig{}, func(w http.ResponseWriter, r *http.Request) {
		first := make([]byte, 1)
		io.ReadFull(r.Body, first) // the rest is there too, then
		w.Write(first)
		echo(w, r)
	}))
	body := strings.Repeat("0123456789", 100)
	req, _ := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if a := send(req); a.status != 200 || a.body != body+" end" {
		t.Errorf("%+v", a)
	}
}

func TestMiddleware_H10_ResponseRecorder(t *testing.T) {
	h := pooled(t, 1, httpbridge.PoolConfig{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-A", "b")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short")
		rc := http.NewResponseController(w)
		if err := rc.Flush(); err != nil {
			t.Error(err)
		}
		if err := rc.SetWriteDeadline(time.Now()); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("a recorder has no deadlines: %v", err)
		}
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusTeapot || w.Body.String() != "short" || !w.Flushed || w.Result().Header.Get("X-A") != "b" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Result().Header)
	}
}

func TestMiddleware_H10_HijackedConnectionsAreNoRequests(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	const timeout = 100 * time.Millisecond
	url := serve(t, httpbridge.Middleware(p, httpbridge.PoolConfig{Timeout: timeout})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		w.Header().Set("X-Unused", "1")
		conn, brw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(brw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		brw.Flush()
		io.Copy(conn, brw)
	})))
	var resp *http.Response
	await(t, func() bool { // a slow machine may need more than the timeout
		req, _ := http.NewRequest(http.MethodGet, url, nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "echo")
		var err error
		if resp, err = http.DefaultTransport.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusServiceUnavailable {
			resp.Body.Close()
			return false
		}
		return true
	})
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("not switched: %d", resp.StatusCode)
	}
	time.Sleep(2 * timeout) // the deadline of a request is not its own
	for range 3 {
		fmt.Fprint(conn, "x")
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		await(t, func() bool { return ask(url).status == 200 }) // the only worker is free
	}
	conn.Close()
}

func TestMiddleware_TrailersInformationalHeadersAndForms(t *testing.T) {
	var file string
	url := serve(t, pooled(t, 1, httpbridge.PoolConfig{}, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
		}
		f, err := r.MultipartForm.File["f"][0].Open()
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		file = f.(*os.File).Name()
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, "body")
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-More", "43")
		w.Header().Set("X-Too-Late", "44")
	}))
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, _ := m.CreateFormFile("f", "f.bin")
	part.Write(make([]byte, 11<<20))
	m.Close()
	resp, err := http.Post(url, m.FormDataContentType(), &form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "body" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if resp.Trailer.Get("X-Sum") != "42" || resp.Trailer.Get("X-More") != "43" || resp.Header.Get("X-Too-Late") != "" || resp.Header.Get("Link") == "" {
		t.Errorf("header %v, trailer %v", resp.Header, resp.Trailer)
	}
	if _, err := os.Stat(file); file == "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the form's file %q: %v", file, err)
	}
}

// A handler in a handler of the same pool, with one worker.
func TestMiddleware_Nested(t *testing.T) {
	m := httpbridge.Middleware(newPool(t, threadpool.Config{Max: 1}), httpbridge.PoolConfig{})
	h := m(m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") })))
	resp := get(t, h)
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(body) != "ok" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
