package httpbridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

var errBoom = errors.New("boom: the password is swordfish")

// log is a logger whose lines a test reads.
type log struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *log) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

var quiet = slog.New(slog.DiscardHandler)

// of makes a handler of a finished result.
func of[T any](v T, cfg httpbridge.HandlerConfig) http.Handler {
	return httpbridge.Handler(func(*http.Request) *eventual.Result[T] { return eventual.Of(v) }, cfg)
}

// failing makes a handler whose work fails with err.
func failing(err error, cfg httpbridge.HandlerConfig) http.Handler {
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	return httpbridge.Handler(func(*http.Request) *eventual.Result[int] { return eventual.Failed[int](err) }, cfg)
}

func do(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func document(t *testing.T, resp *http.Response) (doc map[string]any) {
	t.Helper()
	if text := body(t, resp); json.Unmarshal([]byte(text), &doc) != nil {
		t.Fatalf("%d with no JSON: %s", resp.StatusCode, text)
	}
	return doc
}

// wantProblem checks that resp is a problem of that status which says nothing of
// what only the log should say.
func wantProblem(t *testing.T, resp *http.Response, status int) map[string]any {
	t.Helper()
	text := body(t, resp)
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil || resp.StatusCode != status || doc["status"] != float64(status) || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s %s, want a problem of status %d", resp.StatusCode, resp.Header.Get("Content-Type"), text, status)
	}
	if strings.Contains(text, "swordfish") || strings.Contains(text, "goroutine") {
		t.Errorf("the response leaks: %s", text)
	}
	return doc
}

func TestHandler_H01_JSONIsTheDefault(t *testing.T) {
	resp := do(of(map[string]string{"a": "<b>"}, httpbridge.HandlerConfig{}), "GET", "/")
	if text := body(t, resp); resp.StatusCode != 200 || text != "{\"a\":\"<b>\"}\n" || resp.Header.Get("Content-Type") != "application/json" ||
		resp.Header.Get("Content-Length") != fmt.Sprint(len(text)) || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Vary") != "" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, text)
	}
}

func TestHandler_H01_EncodersByAccept(t *testing.T) {
	page := template.Must(template.New("").Parse(`<p>{{.}}</p>`))
	addr := netip.MustParseAddr("192.0.2.1") // a TextMarshaler
	cfg := httpbridge.HandlerConfig{Encoders: []httpbridge.Encoder{httpbridge.JSON, httpbridge.Text, httpbridge.HTML(page)}}
	for accept, want := range map[string]string{
		"":                         `application/json "192.0.2.1"`,
		"text/plain":               "text/plain; charset=utf-8 192.0.2.1",
		"text/html, */*;q=0.8":     "text/html; charset=utf-8 <p>192.0.2.1</p>",
		"text/plain;q=0.1, */json": "text/plain; charset=utf-8 192.0.2.1",
	} {
		resp := do(of(addr, cfg), "GET", "/", "Accept", accept)
		if got := resp.Header.Get("Content-Type") + " " + strings.TrimSpace(body(t, resp)); got != want || resp.Header.Get("Vary") != "Accept" {
			t.Errorf("Accept %q: %s, want %s; Vary %q", accept, got, want, resp.Header.Get("Vary"))
		}
	}
	for want, h := range map[string]http.Handler{
		"bytes": of([]byte("bytes"), cfg), "12.5": of(12.5, cfg), "text": of("text", cfg), "1m0s": of(time.Minute, cfg),
	} {
		if got := body(t, do(h, "GET", "/", "Accept", "text/plain")); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestHandler_H01_NotAcceptable(t *testing.T) {
	called := false
	h := httpbridge.Handler(func(*http.Request) *eventual.Result[int] { called = true; return eventual.Of(1) }, httpbridge.HandlerConfig{
		Encoders: []httpbridge.Encoder{httpbridge.JSON, httpbridge.Text}, Logger: quiet,
	})
	resp := do(h, "POST", "/", "Accept", "image/png, text/*;q=0")
	if doc := wantProblem(t, resp, http.StatusNotAcceptable); fmt.Sprint(doc["available"]) != "[application/json text/plain; charset=utf-8]" {
		t.Errorf("%v", doc)
	}
	if called {
		t.Error("work was begun for nothing")
	}
	if resp := do(h, "GET", "/", "Accept", "image/png, */*;q=0.001"); resp.StatusCode != 200 {
		t.Errorf("not all excluded: %d", resp.StatusCode)
	}
	custom := of(1, httpbridge.HandlerConfig{Errors: []httpbridge.ErrorRule{httpbridge.OnError(httpbridge.ErrNotAcceptable, 415)}, Logger: quiet})
	wantProblem(t, do(custom, "GET", "/", "Accept", "image/png"), 415)
}

func TestHandler_H01_HEAD(t *testing.T) {
	url := serve(t, of("some text", httpbridge.HandlerConfig{}))
	resp, err := http.Head(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != 200 || resp.ContentLength != int64(len("\"some text\"\n")) || body(t, resp) != "" {
		t.Errorf("%d, length %d", resp.StatusCode, resp.ContentLength)
	}
	if resp := do(failing(errBoom, httpbridge.HandlerConfig{}), "HEAD", "/"); resp.StatusCode != 500 || body(t, resp) != "" {
		t.Errorf("a failure: %d", resp.StatusCode)
	}
}

type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic(errBoom) }

func TestHandler_H01_EncodingErrorIsAClean500(t *testing.T) {
	for name, h := range map[string]func(httpbridge.HandlerConfig) http.Handler{
		"error": func(cfg httpbridge.HandlerConfig) http.Handler {
			return of(map[string]any{"a": 1, "b": math.NaN()}, cfg)
		},
		"panic":   func(cfg httpbridge.HandlerConfig) http.Handler { return of(explosive{}, cfg) },
		"channel": func(cfg httpbridge.HandlerConfig) http.Handler { return of(make(chan int), cfg) },
	} {
		var l log
		for range 3 { // buffers are used again
			resp := do(h(httpbridge.HandlerConfig{Logger: l.logger()}), "GET", "/")
			wantProblem(t, resp, 500)
			if resp.Header.Get("Content-Length") != "" {
				t.Errorf("%s: headers of what was not sent: %v", name, resp.Header)
			}
		}
		if !strings.Contains(l.String(), "level=ERROR") {
			t.Errorf("%s: log %s", name, &l)
		}
		if got := body(t, do(of("fine", httpbridge.HandlerConfig{}), "GET", "/")); got != "\"fine\"\n" {
			t.Errorf("%s: the next: %q", name, got)
		}
	}
	half := httpbridge.Encoder{ContentType: "text/csv", Encode: func(w io.Writer, _ *http.Request, _ any) error {
		_, _ = io.WriteString(w, "a,b\n")
		return errBoom
	}}
	resp := do(of(1, httpbridge.HandlerConfig{Encoders: []httpbridge.Encoder{half}, Logger: quiet}), "GET", "/")
	wantProblem(t, resp, 500)
}

func TestHandler_H01_NothingIs204(t *testing.T) {
	resp := do(of(struct{}{}, httpbridge.HandlerConfig{}), "POST", "/")
	if text := body(t, resp); resp.StatusCode != 204 || text != "" || resp.Header.Get("Content-Type") != "" {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, text)
	}
}

type teapot struct{}

func (teapot) Error() string             { return "short and stout: swordfish" }
func (teapot) HTTPStatus() int           { return http.StatusTeapot }
func (teapot) RetryAfter() time.Duration { return 90 * time.Second }

type validation struct{ field string }

func (v *validation) Error() string { return "bad " + v.field }

func TestHandler_H02_Errors(t *testing.T) {
	errGone := errors.New("gone")
	rules := []httpbridge.ErrorRule{
		httpbridge.OnError(errGone, http.StatusGone),
		httpbridge.OnErrorAs(func(v *validation) *httpbridge.Problem {
			return &httpbridge.Problem{Status: 422, Detail: "The field " + v.field + " is bad."}
		}),
		httpbridge.OnErrorAs(func(*json.SyntaxError) *httpbridge.Problem { return nil }), // passes
		httpbridge.OnError(eventual.ErrStopped, 599),
	}
	panicking := func(v any) error {
		_, err := eventual.Go(context.Background(), func(context.Context) (int, error) { panic(v) }).Wait(patience)
		return err
	}
	wrap := func(err error) error { return fmt.Errorf("in between: %w", err) }
	for _, c := range []struct {
		err        error
		status     int
		retryAfter string
		detail     string
	}{
		{errBoom, 500, "", ""},
		{&httpbridge.Problem{Status: 404, Detail: "No such thing."}, 404, "", "No such thing."},
		{wrap(&httpbridge.Problem{Status: 409}), 409, "", ""},
		{wrap(teapot{}), 418, "90", ""},
		{panicking("swordfish"), 500, "", ""},
		{panicking(teapot{}), 500, "", ""}, // whatever is thrown
		{panicking(errGone), 500, "", ""},
		{panicking(&validation{"x"}), 500, "", ""},
		{eventual.ErrTimeout, 504, "", "There was no result in time."},
		{context.DeadlineExceeded, 504, "", "There was no result in time."},
		{wrap(eventual.ErrNotStarted), 503, "1", "The service is starting."},
		{wrap(eventual.ErrQueueFull), 503, "1", "Too much is waiting at the moment."},
		{wrap(threadpool.ErrQueueFull), 503, "1", "Too much is waiting at the moment."},
		{eventual.ErrCanceled, 503, "", "The work was cancelled."},
		{eventual.ErrGoexit, 500, "", ""},
		{eventual.ErrWaitInReactor, 500, "", ""},
		{httpbridge.ErrClientLimit, 429, "1", "You have too many requests in progress."},
		{httpbridge.ErrResourcesFull, 503, "5", "Too many results are kept at the moment."},
		{wrap(os.ErrDeadlineExceeded), 504, "", "There was no result in time."}, // as a job's own timeout
		{&http.MaxBytesError{Limit: 1}, 413, "", "The body of the request is too long."},
		// By the rules.
		{wrap(errGone), 410, "", ""},
		{wrap(&validation{"age"}), 422, "", "The field age is bad."},
		{&json.SyntaxError{}, 500, "", ""},
		{eventual.ErrStopped, 599, "", ""},
		{httpbridge.ErrResourcesClosed, 599, "", ""},
	} {
		resp := do(failing(c.err, httpbridge.HandlerConfig{Errors: rules}), "GET", "/")
		doc := wantProblem(t, resp, c.status)
		detail, _ := doc["detail"].(string)
		if detail != c.detail || resp.Header.Get("Retry-After") != c.retryAfter || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: detail %q, %v", c.err, detail, resp.Header)
		}
	}
	stopped := do(failing(wrap(eventual.ErrStopped), httpbridge.HandlerConfig{}), "GET", "/")
	if wantProblem(t, stopped, 503); stopped.Header.Get("Retry-After") != "1" {
		t.Errorf("%v", stopped.Header)
	}
	seen := httpbridge.OnErrorAs(func(*eventual.PanicError) *httpbridge.Problem { return &httpbridge.Problem{Status: 502} })
	wantProblem(t, do(failing(panicking(1), httpbridge.HandlerConfig{Errors: []httpbridge.ErrorRule{seen}}), "GET", "/"), 502)
}

func TestHandler_H02_ReplacedProblems(t *testing.T) {
	h := failing(errBoom, httpbridge.HandlerConfig{ServeProblem: func(w http.ResponseWriter, _ *http.Request, p *httpbridge.Problem) {
		w.WriteHeader(p.HTTPStatus())
		_, _ = io.WriteString(w, "<h1>Sorry</h1>")
	}})
	if resp := do(h, "GET", "/"); resp.StatusCode != 500 || body(t, resp) != "<h1>Sorry</h1>" {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestHandler_H02_Timeouts(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     httpbridge.HandlerConfig
		prefer  string
		ctx     time.Duration // deadline of the request
		after   time.Duration
		applied string
	}{
		{name: "default", after: 5 * time.Second},
		{name: "route", cfg: httpbridge.HandlerConfig{Timeout: 2 * time.Second}, after: 2 * time.Second},
		{name: "request", cfg: httpbridge.HandlerConfig{Timeout: 2 * time.Second}, ctx: time.Second, after: time.Second},
		{name: "H04 client", cfg: httpbridge.HandlerConfig{Timeout: 3 * time.Second}, prefer: "wait=1", after: time.Second, applied: "wait=1"},
		{name: "H04 client, capped", cfg: httpbridge.HandlerConfig{Timeout: 3 * time.Second}, prefer: "wait=100", after: 3 * time.Second, applied: "wait=3"},
		{name: "H04 no patience", prefer: "wait=0", after: 0, applied: "wait=0"},
		{name: "H04 nobody to ask", prefer: "respond-async", after: 5 * time.Second}, // no Resources: ignored
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var canceled bool
				c.cfg.Logger = quiet
				h := httpbridge.Handler(func(*http.Request) *eventual.Result[int] {
					res, _ := eventual.New[int](func() { canceled = true })
					return res
				}, c.cfg)
				r := httptest.NewRequest("GET", "/", nil)
				if c.prefer != "" {
					r.Header.Set("Prefer", c.prefer)
				}
				if c.ctx > 0 {
					ctx, cancel := context.WithTimeout(t.Context(), c.ctx)
					defer cancel()
					r = r.WithContext(ctx)
				}
				w := httptest.NewRecorder()
				began := time.Now()
				h.ServeHTTP(w, r)
				if took := time.Since(began); took != c.after {
					t.Errorf("after %v, want %v", took, c.after)
				}
				wantProblem(t, w.Result(), 504)
				if !canceled {
					t.Error("the work goes on for nobody")
				}
				if got := w.Header().Get("Preference-Applied"); got != c.applied {
					t.Errorf("Preference-Applied %q, want %q", got, c.applied)
				}
			})
		})
	}
}

func TestHandler_H02_LateIsNotTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for after, status := range map[time.Duration]int{
			time.Microsecond: 200, time.Millisecond: 200, time.Second: 200, 5*time.Second - 1: 200, 6 * time.Second: 504,
		} {
			h := httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
				return eventual.Go(r.Context(), func(ctx context.Context) (int, error) {
					select {
					case <-time.After(after):
						return 1, nil
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				})
			}, httpbridge.HandlerConfig{Logger: quiet})
			if resp := do(h, "GET", "/"); resp.StatusCode != status {
				t.Errorf("after %v: %d, want %d", after, resp.StatusCode, status)
			}
		}
	})
}

func TestHandler_H02_Detached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished atomic.Int32
		work := func(r *http.Request) *eventual.Result[int] {
			return eventual.Go(r.Context(), func(ctx context.Context) (int, error) {
				select {
				case <-time.After(time.Minute):
					finished.Add(1)
					return 1, nil
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			})
		}
		cfg := httpbridge.HandlerConfig{Detached: true, Logger: quiet}
		wantProblem(t, do(httpbridge.Handler(work, cfg), "GET", "/"), 504)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel) // the client goes
		httpbridge.Handler(work, cfg).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		time.Sleep(2 * time.Minute)
		if n := finished.Load(); n != 2 {
			t.Errorf("%d finished", n)
		}
	})
}

func TestHandler_H02_FullStoppedAndNotStartedComponents(t *testing.T) {
	block := make(chan struct{})
	pool, err := threadpool.New(threadpool.Config{Name: "images", Max: 1, QueueLimit: 1, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	h := httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
		return threadpool.DeferToThread(r.Context(), pool, func(context.Context) (int, error) { return 1, nil })
	}, httpbridge.HandlerConfig{Logger: quiet})
	if resp := do(h, "GET", "/"); resp.StatusCode != 200 {
		t.Errorf("working: %d", resp.StatusCode)
	}
	begun := make(chan struct{})
	_ = pool.CallInThread(context.Background(), func(context.Context) { close(begun); <-block })
	<-begun
	_ = pool.CallInThread(context.Background(), func(context.Context) {})
	full := do(h, "GET", "/")
	if wantProblem(t, full, 503); full.Header.Get("Retry-After") == "" {
		t.Error("full: no Retry-After")
	}
	close(block)
	if err := pool.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if doc := wantProblem(t, do(h, "GET", "/"), 503); doc["detail"] != "The service is stopping." {
		t.Errorf("stopped: %v", doc)
	}

	r := reactor.New(reactor.Config{Name: "rates", Logger: quiet})
	onReactor := httpbridge.Handler(func(req *http.Request) *eventual.Result[int] {
		return reactor.RunInReactor(req.Context(), r, func(context.Context) (int, error) { return 1, nil })
	}, httpbridge.HandlerConfig{Timeout: 10 * time.Millisecond, Logger: quiet})
	idle := do(onReactor, "GET", "/")
	if doc := wantProblem(t, idle, 503); doc["detail"] != "The service is starting." || idle.Header.Get("Retry-After") == "" {
		t.Errorf("not started: %v", doc)
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, do(onReactor, "GET", "/"), 503)
}

// TestHandler_H07_WorkOfTheMiddlewaresOwnPool: a worker that waits lends its slot
// to what it waits for.
func TestHandler_H07_WorkOfTheMiddlewaresOwnPool(t *testing.T) {
	pool, err := threadpool.New(threadpool.Config{Name: "web", Max: 1, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Stop(context.Background()) }()
	h := httpbridge.Middleware(pool, httpbridge.PoolConfig{Logger: quiet})(httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
		return threadpool.DeferToThread(r.Context(), pool, func(context.Context) (int, error) { return 1, nil })
	}, httpbridge.HandlerConfig{Timeout: patience, Logger: quiet}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if resp := do(h, "GET", "/"); resp.StatusCode != 200 {
				t.Errorf("%d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
}

func TestHandler_H02_StoppedWhileWaiting(t *testing.T) {
	r := reactor.New(reactor.Config{Name: "rates", Logger: quiet})
	r.Start()
	h := httpbridge.Handler(func(req *http.Request) *eventual.Result[int] {
		return reactor.Inline(req.Context(), r, func(co *reactor.Co) (int, error) { return 1, co.Sleep(time.Hour) })
	}, httpbridge.HandlerConfig{Timeout: time.Minute, Logger: quiet})
	time.AfterFunc(10*time.Millisecond, func() { _ = r.Stop(context.Background()) })
	wantProblem(t, do(h, "GET", "/"), 503)
}

func TestHandler_H02_ClientLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := &httpbridge.ClientLimit{Max: 2}
		var settles []func(int, error) bool
		h := httpbridge.Handler(func(*http.Request) *eventual.Result[int] {
			res, settle := eventual.New[int](nil)
			settles = append(settles, settle)
			return res
		}, httpbridge.HandlerConfig{Limit: limit, Timeout: time.Second, Logger: quiet})
		from := func(addr string) int {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = addr
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code == 429 && w.Header().Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			return w.Code
		}
		// Nobody waits for these any more, and they still count: they still run.
		for _, addr := range []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:2"} {
			if code := from(addr); code != 504 {
				t.Errorf("%s: %d", addr, code)
			}
		}
		if code := from("192.0.2.1:3"); code != 429 {
			t.Errorf("the third: %d", code)
		}
		for _, addr := range []string{"192.0.2.2:1", "[2001:db8::1]:1", "[2001:db8::2]:1"} {
			if code := from(addr); code != 504 {
				t.Errorf("%s: %d", addr, code)
			}
		}
		if code := from("[2001:db8::3]:1"); code != 429 { // of the same network
			t.Errorf("IPv6: %d", code)
		}
		settles[0](1, nil)
		if code := from("192.0.2.1:4"); code != 504 {
			t.Errorf("after one has ended: %d", code)
		}

		byUser := of(1, httpbridge.HandlerConfig{Limit: &httpbridge.ClientLimit{Max: 1, Key: func(r *http.Request) string { return r.Header.Get("User") }}})
		for range 3 { // what is over counts no more, and nobody is no client
			for _, user := range []string{"", "ann"} {
				if resp := do(byUser, "GET", "/", "User", user); resp.StatusCode != 200 {
					t.Errorf("%q: %d", user, resp.StatusCode)
				}
			}
		}
		panicking := httpbridge.Handler(func(*http.Request) *eventual.Result[int] { panic("x") }, httpbridge.HandlerConfig{Limit: &httpbridge.ClientLimit{Max: 1}, Logger: quiet})
		for range 3 {
			wantProblem(t, do(panicking, "GET", "/"), 500)
		}
	})
}

func TestHandler_H02_Panics(t *testing.T) {
	var l log
	cfg := httpbridge.HandlerConfig{Logger: l.logger()}
	for name, h := range map[string]http.Handler{
		"fn": httpbridge.Handler(func(*http.Request) *eventual.Result[int] { panic(errBoom) }, cfg),
		"work": httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
			return eventual.Go(r.Context(), func(context.Context) (int, error) { panic(errBoom) })
		}, cfg),
		"key": of(1, httpbridge.HandlerConfig{Logger: l.logger(), Limit: &httpbridge.ClientLimit{Key: func(*http.Request) string { panic(errBoom) }}}),
		"rule": failing(errors.New("x"), httpbridge.HandlerConfig{Logger: l.logger(), Errors: []httpbridge.ErrorRule{func(err error) *httpbridge.Problem {
			if _, ok := errors.AsType[*eventual.PanicError](err); !ok {
				panic(errBoom)
			}
			return nil
		}}}),
	} {
		l.buf.Reset()
		wantProblem(t, do(h, "GET", "/"), 500)
		if text := l.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "swordfish") || !strings.Contains(text, "handler_test.go") {
			t.Errorf("%s: the log says not what and where: %s", name, text)
		}
	}
	if resp := do(httpbridge.Handler(func(*http.Request) *eventual.Result[int] { return nil }, cfg), "GET", "/"); resp.StatusCode != 500 {
		t.Errorf("no result: %d", resp.StatusCode)
	}
}

func TestHandler_H02_AbortHandler(t *testing.T) {
	var l log
	for name, h := range map[string]http.Handler{
		"fn": httpbridge.Handler(func(*http.Request) *eventual.Result[int] { panic(http.ErrAbortHandler) }, httpbridge.HandlerConfig{Logger: l.logger()}),
		"work": httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
			return eventual.Go(r.Context(), func(context.Context) (int, error) { panic(http.ErrAbortHandler) })
		}, httpbridge.HandlerConfig{}),
		"after the header": failing(errBoom, httpbridge.HandlerConfig{Logger: l.logger(), ServeProblem: func(w http.ResponseWriter, _ *http.Request, _ *httpbridge.Problem) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
			panic("late")
		}}),
	} {
		url := serve(t, h)
		resp, err := http.Get(url)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: a complete response, %d", name, resp.StatusCode)
		}
	}
	if !strings.Contains(l.String(), "late") {
		t.Error("a panic after the header went unlogged")
	}
}

func TestHandler_H02_ClientGone(t *testing.T) {
	var l log
	began, canceled := make(chan struct{}), make(chan struct{})
	url := serve(t, httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
		return eventual.Go(r.Context(), func(ctx context.Context) (int, error) {
			close(began)
			<-ctx.Done()
			close(canceled)
			return 0, ctx.Err()
		})
	}, httpbridge.HandlerConfig{Timeout: patience, Logger: l.logger()}))
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		<-began
		leave()
	}()
	req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-canceled
	await(t, func() bool { return strings.Contains(l.String(), "status=499") })
	if strings.Contains(l.String(), "level=ERROR") || strings.Contains(l.String(), "level=WARN") {
		t.Errorf("%s", &l)
	}
}

func TestHandler_H02_NothingIsWrittenToAClientThatHasGone(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	leave()
	shared, settle := eventual.New[int](nil)
	h := httpbridge.Handler(func(*http.Request) *eventual.Result[int] { return shared }, httpbridge.HandlerConfig{Logger: quiet})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	if len(w.Header()) != 0 || w.Body.Len() != 0 {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
	settle(0, ctx.Err()) // the work fails for that very reason
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	if len(w.Header()) != 0 || w.Body.Len() != 0 {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
	// A ctx that a middleware ends, with a cause, is no client that has gone.
	caused, end := context.WithCancelCause(t.Context())
	end(eventual.ErrStopped)
	h = httpbridge.Handler(func(*http.Request) *eventual.Result[int] {
		res, _ := eventual.New[int](nil)
		return res
	}, httpbridge.HandlerConfig{Logger: quiet})
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(caused))
	wantProblem(t, w.Result(), 503)
}

func TestHandler_Misconfigured(t *testing.T) {
	for want, cfg := range map[string]httpbridge.HandlerConfig{
		`Encoders[0]: ContentType \"json\" is no media type`: {Encoders: []httpbridge.Encoder{{ContentType: "json", Encode: httpbridge.JSON.Encode}}},
		"Encoders[1]: no Encode for text/csv":                {Encoders: []httpbridge.Encoder{httpbridge.JSON, {ContentType: "text/csv"}}},
		"Async without Resources":                            {Async: true},
		"Errors: a rule is nil":                              {Errors: []httpbridge.ErrorRule{nil}},
	} {
		var l log
		cfg.Logger = l.logger()
		h := of(1, cfg)
		if !strings.Contains(l.String(), want) {
			t.Errorf("%s: said at once: %s", want, &l)
		}
		wantProblem(t, do(h, "GET", "/"), 500)
	}
	wantProblem(t, do(httpbridge.Handler[int](nil, httpbridge.HandlerConfig{Logger: quiet}), "GET", "/"), 500)
}
