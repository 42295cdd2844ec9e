package httpbridge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

// dial opens a connection to a server and sends what is given.
func dial(t *testing.T, url, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// waiting is a handler whose work waits for its ctx.
func waiting(began, canceled chan<- struct{}, cfg httpbridge.HandlerConfig) http.Handler {
	cfg.Timeout, cfg.Logger = patience, quiet
	return httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
		return eventual.Go(r.Context(), func(ctx context.Context) (int, error) {
			close(began)
			<-ctx.Done()
			close(canceled)
			return 0, ctx.Err()
		})
	}, cfg)
}

func within(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("not in time: " + what)
	}
}

func TestHandler_H08_UnreadBodyAndAClientThatLeaves(t *testing.T) {
	for name, request := range map[string]string{
		"all there":  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"large":      fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 200<<10, strings.Repeat("x", 200<<10)),
		"incomplete": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello",
		"none yet":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n",
		"chunked":    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"in pieces":  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"expected":   "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			began, canceled := make(chan struct{}), make(chan struct{})
			conn := dial(t, serve(t, waiting(began, canceled, httpbridge.HandlerConfig{})), request)
			within(t, began, "the work begins")
			conn.Close()
			within(t, canceled, "the client's leaving is noticed")
		})
	}
}

func TestHandler_H08_ThroughAWrappedWriter(t *testing.T) {
	began, canceled := make(chan struct{}), make(chan struct{})
	h := waiting(began, canceled, httpbridge.HandlerConfig{})
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(wrapped{w}, r) }))
	conn := dial(t, url, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
	within(t, began, "the work begins")
	conn.Close()
	within(t, canceled, "the client's leaving is noticed")
}

func TestHandler_H08_HTTP2(t *testing.T) {
	began, canceled := make(chan struct{}), make(chan struct{})
	srv := httptest.NewUnstartedServer(waiting(began, canceled, httpbridge.HandlerConfig{}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	ctx, leave := context.WithCancel(context.Background())
	pr, pw := io.Pipe() // a body that never ends
	defer pw.Close()
	req, _ := http.NewRequestWithContext(ctx, "POST", srv.URL, pr)
	go func() {
		<-began
		leave()
	}()
	if resp, err := srv.Client().Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", resp, err)
	}
	within(t, canceled, "the client's leaving is noticed")
}

// wrapped is what a middleware makes of a writer.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// opaque is what a middleware makes of it that hides what it can.
type opaque struct{ http.ResponseWriter }

// reading is a handler whose work reads the body once it may.
func reading(mayRead <-chan struct{}, cfg httpbridge.HandlerConfig) http.Handler {
	cfg.Timeout, cfg.Logger = patience, quiet
	return httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
		return eventual.Go(r.Context(), func(context.Context) (int, error) {
			<-mayRead
			b, err := io.ReadAll(r.Body)
			return len(b), err
		})
	}, cfg)
}

func TestHandler_H08_TheWorkStillGetsTheBody(t *testing.T) {
	const size = 1 << 20 // more than is read ahead
	for name, cfg := range map[string]httpbridge.HandlerConfig{
		"some of it ahead": {ReadAhead: 10_000}, "default": {}, "none": {ReadAhead: -1},
	} {
		for _, late := range []bool{false, true} {
			mayRead := make(chan struct{})
			if late {
				time.AfterFunc(50*time.Millisecond, func() { close(mayRead) })
			} else {
				close(mayRead)
			}
			h := reading(mayRead, cfg)
			for _, chunked := range []bool{false, true} {
				var sent io.Reader = strings.NewReader(strings.Repeat("x", size))
				if chunked {
					sent = io.MultiReader(sent)
				}
				resp, err := http.Post(serve(t, h), "text/plain", sent)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.TrimSpace(body(t, resp)); resp.StatusCode != 200 || got != fmt.Sprint(size) {
					t.Errorf("%s, late %v, chunked %v: %d %s", name, late, chunked, resp.StatusCode, got)
				}
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
	already := make(chan struct{})
	close(already)
	r := httptest.NewRequest("POST", "/", strings.NewReader("12345")) // H10: a recorder has no deadlines
	w := httptest.NewRecorder()
	reading(already, httpbridge.HandlerConfig{}).ServeHTTP(w, r)
	if w.Body.String() != "5\n" {
		t.Errorf("%q", w.Body)
	}
	hidden := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reading(already, httpbridge.HandlerConfig{}).ServeHTTP(opaque{w}, r)
	}))
	resp, err := http.Post(hidden, "text/plain", strings.NewReader("12345"))
	if err != nil || body(t, resp) != "5\n" {
		t.Errorf("behind a wrapper that hides deadlines: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// stalling tells when the second read of a body begins, for which nothing is there.
type stalling struct {
	io.ReadCloser
	reads   atomic.Int32
	stalled chan struct{}
}

func (s *stalling) Read(p []byte) (int, error) {
	if s.reads.Add(1) == 2 {
		close(s.stalled)
	}
	return s.ReadCloser.Read(p)
}

// TestHandler_H08_ABodyThatIsStillComing: the response does not wait for it, and
// whoever reads it is told that it is over.
func TestHandler_H08_ABodyThatIsStillComing(t *testing.T) {
	for name, readers := range map[string]int{"nobody reads it": 0, "the work reads it": 1} {
		t.Run(name, func(t *testing.T) {
			read := make(chan error, 2)
			stalled := make(chan struct{})
			h := httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
				res, settle := eventual.New[int](nil)
				for range readers {
					go func() {
						_, err := io.ReadAll(r.Body)
						read <- err
						_, err = r.Body.Read(make([]byte, 1))
						read <- err
					}()
				}
				go func() {
					<-stalled
					settle(1, nil)
				}()
				return res
			}, httpbridge.HandlerConfig{Timeout: patience, Logger: quiet})
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Body = &stalling{ReadCloser: r.Body, stalled: stalled}
				h.ServeHTTP(w, r)
			}))
			conn := dial(t, url, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello")
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if text := body(t, resp); resp.StatusCode != 200 || text != "1\n" || !resp.Close {
				t.Errorf("%d %q, closed after it: %v", resp.StatusCode, text, resp.Close)
			}
			for range 2 * readers {
				if err := <-read; !errors.Is(err, http.ErrBodyReadAfterClose) {
					t.Errorf("a body that was cut off: %v", err)
				}
			}
		})
	}
}

func TestHandler_H08_TheConnectionServesOn(t *testing.T) {
	url := serve(t, httpbridge.Handler(func(r *http.Request) *eventual.Result[string] {
		return eventual.Go(r.Context(), func(ctx context.Context) (string, error) {
			b, err := io.ReadAll(r.Body)
			return r.URL.Path + string(b), errors.Join(err, context.Cause(ctx))
		})
	}, httpbridge.HandlerConfig{Logger: quiet}))
	conn := dial(t, url, "")
	in := bufio.NewReader(conn)
	for i := range 5 { // read to its end, the body leaves nothing behind that would be taken for a request
		fmt.Fprintf(conn, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", i)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text := body(t, resp); resp.StatusCode != 200 || text != fmt.Sprintf("\"/%dhello\"\n", i) || resp.Close {
			t.Errorf("%d: %d %q, close %v", i, resp.StatusCode, text, resp.Close)
		}
	}
}

func TestHandler_H08_BodyAfterTheRequest(t *testing.T) {
	finished := make(chan error, 1)
	url := serve(t, httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
		res, _ := eventual.New[int](nil)
		go func() {
			<-r.Context().Done()
			_, err := io.ReadAll(r.Body)
			finished <- err
		}()
		return res
	}, httpbridge.HandlerConfig{Timeout: 50 * time.Millisecond, Logger: quiet}))
	resp, err := http.Post(url, "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, resp, 504)
	if err := <-finished; !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("%v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestHandler_H10_RoutersAndPrefixes(t *testing.T) {
	o := newOffice(t, httpbridge.ResourcesConfig{Path: "/app/v1/jobs/"}, httpbridge.HandlerConfig{})
	name := httpbridge.Handler(func(r *http.Request) *eventual.Result[string] { return eventual.Of(r.PathValue("name")) }, httpbridge.HandlerConfig{})
	inner := http.NewServeMux()
	inner.Handle("GET /names/{name}", name)
	inner.Handle("/", o)
	outer := http.NewServeMux()
	outer.Handle("/app/v1/", http.StripPrefix("/app/v1", inner))
	if resp := do(outer, "GET", "/app/v1/names/ann"); body(t, resp) != "\"ann\"\n" {
		t.Errorf("%d", resp.StatusCode)
	}
	resp := do(outer, "POST", "/app/v1/jobs", "Prefer", "respond-async")
	location := resp.Header.Get("Location")
	if resp.StatusCode != 202 || !strings.HasPrefix(location, "/app/v1/jobs/") {
		t.Fatalf("%d %q", resp.StatusCode, location)
	}
	if resp := do(outer, "GET", location); resp.StatusCode != 202 {
		t.Errorf("%d", resp.StatusCode)
	}
	o.settle[0]("done", nil)
	if resp := do(outer, "GET", location); resp.StatusCode != 200 {
		t.Errorf("%d", resp.StatusCode)
	}
}
