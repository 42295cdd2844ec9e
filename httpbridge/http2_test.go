package httpbridge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

// serve2 serves h over HTTP/2. do sends a request and returns its response.
func serve2(t *testing.T, h http.Handler, change ...func(*http.Server)) (srv *httptest.Server, do func(ctx context.Context, method, path string, body io.Reader) (*http.Response, error)) {
	t.Helper()
	srv = httptest.NewUnstartedServer(h)
	for _, f := range change {
		f(srv.Config)
	}
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	bound, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	client := srv.Client()
	return srv, func(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
		if ctx == nil {
			ctx = bound
		}
		req, err := http.NewRequestWithContext(ctx, method, srv.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			t.Cleanup(func() { resp.Body.Close() })
			if resp.ProtoMajor != 2 {
				t.Fatal(resp.Proto)
			}
		}
		return resp, err
	}
}

func TestHandler_H01_HTTP2(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/ok", of("ok", httpbridge.HandlerConfig{}))
	mux.Handle("/bad", failing(errBoom, httpbridge.HandlerConfig{}))
	mux.Handle("/stopped", failing(eventual.ErrStopped, httpbridge.HandlerConfig{}))
	mux.Handle("/abort", failing(http.ErrAbortHandler, httpbridge.HandlerConfig{}))
	mux.Handle("/late", httpbridge.Handler(func(*http.Request) *eventual.Result[int] {
		res, _ := eventual.New[int](nil)
		return res
	}, httpbridge.HandlerConfig{Timeout: time.Millisecond, Logger: quiet}))
	_, do := serve2(t, mux)
	for _, method := range []string{"GET", "HEAD", "POST"} {
		resp, err := do(nil, method, "/ok", strings.NewReader("unread"))
		if err != nil {
			t.Fatal(err)
		}
		if text := body(t, resp); resp.StatusCode != 200 || (text == "\"ok\"\n") == (method == "HEAD") || resp.ContentLength != 5 {
			t.Errorf("%s: %d %q", method, resp.StatusCode, text)
		}
	}
	for path, status := range map[string]int{"/bad": 500, "/late": 504, "/stopped": 503} {
		resp, err := do(nil, "POST", path, strings.NewReader("unread"))
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, resp, status)
	}
	if resp, err := do(nil, "GET", "/abort", nil); err == nil {
		t.Errorf("aborted: %d", resp.StatusCode)
	}
}

func TestMiddleware_H02_HTTP2(t *testing.T) {
	gate, late, left := make(chan struct{}), make(chan error, 1), make(chan error, 1)
	began := make(chan struct{})
	const timeout = 200 * time.Millisecond
	_, do := serve2(t, pooled(t, 2, httpbridge.PoolConfig{Timeout: timeout, Logger: quiet}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-gate
			_, err := fmt.Fprint(w, "late")
			late <- err
		case "/cut":
			fmt.Fprint(w, "half of ")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/leave":
			close(began)
			<-r.Context().Done()
			left <- context.Cause(r.Context())
		default:
			_, _ = io.Copy(w, r.Body)
		}
	}))
	untilTurn := func(path string) (resp *http.Response, err error) { // so slow a machine may have no turn in time
		for {
			if resp, err = do(nil, "GET", path, nil); err != nil || resp.StatusCode != 503 {
				return resp, err
			}
		}
	}
	resp, err := untilTurn("/slow")
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, resp, 504)
	close(gate)
	if err := <-late; !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("a late write: %v", err)
	}
	if resp, err = untilTurn("/cut"); err == nil && resp.StatusCode == 200 {
		if text, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("a good end: %q", text)
		}
	}
	await(t, func() bool {
		resp, err := do(nil, "POST", "/", strings.NewReader("echo"))
		return err == nil && resp.StatusCode == 200 && body(t, resp) == "echo"
	})
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		<-began
		leave()
	}()
	unread, feed := io.Pipe()
	defer feed.Close()
	if resp, err := do(ctx, "POST", "/leave", unread); err == nil {
		t.Skipf("no turn in time: %d", resp.StatusCode)
	}
	if err := <-left; err == nil {
		t.Error("its ctx has not ended")
	}
}

func TestStream_H06_HTTP2(t *testing.T) {
	var s httpbridge.Stream[string]
	const limit = 100 * time.Millisecond
	srv, do := serve2(t, s.Handler(httpbridge.EventsConfig{WriteTimeout: 10 * limit}), func(srv *http.Server) {
		srv.ReadTimeout, srv.WriteTimeout = limit, limit
		httpbridge.EndOnShutdown(srv)
	})
	get := func() (resp *http.Response) { // the header is there before any event
		await(t, func() bool { // a slow machine may need more than the server allows
			var err error
			resp, err = do(nil, "GET", "/", nil)
			return err == nil
		})
		return resp
	}
	resp := get()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	f := &following{t: t, resp: resp, r: bufio.NewReader(resp.Body)}
	get() // on the same connection, and it reads nothing
	await(t, func() bool { return s.Stats().Clients == 2 })
	time.Sleep(12 * limit) // the server's limits are for other responses, and silence is no write that takes too long
	big := strings.Repeat("x", 64<<10)
	await(t, func() bool {
		publish(t, &s, big)
		f.want(`"` + big + `"`)
		return s.Stats().Clients == 1
	})
	began := time.Now()
	if err := srv.Config.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	t.Logf("shutdown took %v", time.Since(began)) // an open stream would hold it for ever
	if e, err := f.read(); err == nil {
		t.Errorf("after the shutdown: %+v", e)
	}
}
