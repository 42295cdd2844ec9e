package httpbridge_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

// newClient returns a client whose connections end with the test.
func newClient(t *testing.T, change ...func(*httpbridge.Client)) *httpbridge.Client {
	c := &httpbridge.Client{RetryDelay: time.Millisecond}
	for _, f := range change {
		f(c)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func request(t *testing.T, method, url string, body ...string) *http.Request {
	t.Helper()
	var r io.Reader
	if len(body) > 0 {
		r = strings.NewReader(body[0])
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func upstream(t *testing.T, err error) *httpbridge.UpstreamError {
	t.Helper()
	var e *httpbridge.UpstreamError
	if !errors.As(err, &e) {
		t.Fatalf("%T %v, want an UpstreamError", err, err)
	}
	return e
}

func TestClient_DoReadsTheResponse(t *testing.T) {
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/from" {
			http.Redirect(w, r, "/to", http.StatusFound)
			return
		}
		w.Header().Set("X-Got", r.Method)
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "nothing here")
	}))
	c := newClient(t)
	resp, err := c.Do(t.Context(), request(t, "", url+"/from")).Wait(patience)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 404 || string(resp.Body) != "nothing here" || resp.Header.Get("X-Got") != "GET" || resp.URL.Path != "/to" || resp.Tries != 1 {
		t.Errorf("%+v", resp)
	}
}

func TestClient_GetJSON(t *testing.T) {
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			fmt.Fprintf(w, `{"accept": %q}`, r.Header.Get("Accept"))
		case "/html":
			fmt.Fprint(w, "<p>sorry")
		case "/two":
			fmt.Fprint(w, "{}{}")
		default:
			http.Error(w, "the upstream's own words", http.StatusNotFound)
		}
	}))
	type answer struct{ Accept string }
	c := newClient(t)
	if v, err := httpbridge.GetJSON[answer](t.Context(), c, url+"/ok").Wait(patience); err != nil || v.Accept != "application/json" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, path := range []string{"/html", "/two"} {
		_, err := httpbridge.GetJSON[answer](t.Context(), c, url+path).Wait(patience)
		if e := upstream(t, err); e.StatusCode != 200 || e.Err == nil || e.HTTPStatus() != 502 || len(e.Body) == 0 {
			t.Errorf("%s: %+v", path, e)
		}
	}
	_, err := httpbridge.GetJSON[answer](t.Context(), c, url+"/none?token=secret").Wait(patience)
	e := upstream(t, err)
	if e.StatusCode != 404 || e.HTTPStatus() != 502 || string(e.Body) != "the upstream's own words\n" || e.Err != nil {
		t.Errorf("%+v", e)
	}
	if want := "httpbridge client: GET " + url + "/none: 404 Not Found"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

// An upstream's 404 is not our own.
func TestClient_UpstreamStatusIsNotOurs(t *testing.T) {
	url := serve(t, http.NotFoundHandler())
	c := newClient(t)
	resp := get(t, httpbridge.Handler(func(r *http.Request) *eventual.Result[string] {
		return httpbridge.GetJSON[string](r.Context(), c, url)
	}, httpbridge.HandlerConfig{Timeout: patience}))
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestClient_NeverMoreThanMaxPerHost(t *testing.T) {
	var running, most atomic.Int32
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if r.URL.Path != "/end" {
			http.Redirect(w, r, "/end", http.StatusFound) // takes a turn of its own
			return
		}
		time.Sleep(2 * time.Millisecond)
	}))
	c := newClient(t, func(c *httpbridge.Client) { c.MaxPerHost = 3 })
	var all []*eventual.Result[*httpbridge.Response]
	for range 60 {
		all = append(all, c.Do(t.Context(), request(t, "GET", url)))
	}
	if _, err := eventual.All(all...).Wait(patience); err != nil {
		t.Fatal(err)
	}
	if most.Load() > 3 || most.Load() < 2 {
		t.Errorf("at most %d at once", most.Load())
	}
}

func TestClient_BusyAndWaitingIsNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &httpbridge.Client{MaxPerHost: 1, MaxWaiting: 1, TryTimeout: 5 * time.Second, Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			time.Sleep(4 * time.Second)
			return respond(req, 200, "ok"), nil
		})}
		first, second := c.Do(t.Context(), request(t, "GET", "http://a/")), c.Do(t.Context(), request(t, "GET", "http://a/"))
		synctest.Wait()
		_, err := c.Do(t.Context(), request(t, "GET", "http://a/")).Wait(time.Nanosecond)
		if e := upstream(t, err); !errors.Is(err, httpbridge.ErrClientBusy) || e.HTTPStatus() != 503 || e.RetryAfter() <= 0 || e.Tries != 1 {
			t.Errorf("%+v", e)
		}
		other := c.Do(t.Context(), request(t, "GET", "http://b/")) // has turns of its own
		start := time.Now()
		for _, r := range []*eventual.Result[*httpbridge.Response]{first, other, second} {
			if resp, err := r.Wait(time.Minute); err != nil || resp.Tries != 1 {
				t.Errorf("%+v, %v", resp, err)
			}
		}
		if took := time.Since(start).Round(time.Second); took != 8*time.Second { // more than a try may take
			t.Errorf("took %v", took)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(req *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1, Request: req}
}

func TestClient_BackOffAndRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		var start time.Time
		answers := func(with ...string) *httpbridge.Client { // Retry-After of each 503; then 200
			start, tries = time.Now(), nil
			return &httpbridge.Client{Retries: 3, RetryDelay: time.Second, Timeout: time.Minute, Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
				tries = append(tries, time.Since(start))
				if len(tries) > len(with) {
					return respond(req, 200, "ok"), nil
				}
				return respond(req, 503, "", "Retry-After", with[len(tries)-1]), nil
			})}
		}
		do := func(c *httpbridge.Client) (*httpbridge.Response, error) {
			return c.Do(t.Context(), request(t, "GET", "http://a/")).Wait(time.Hour)
		}
		resp, err := do(answers("", "soon", ""))
		if err != nil || resp.StatusCode != 200 || resp.Tries != 4 {
			t.Fatalf("%+v, %v", resp, err)
		}
		for i, full := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			if d := tries[i+1] - tries[i]; d < full/2 || d > full {
				t.Errorf("wait %d was %v, want %v to %v", i+1, d, full/2, full)
			}
		}
		resp, err = do(answers("", "", "", ""))
		if err != nil || resp.StatusCode != 503 || resp.Tries != 4 {
			t.Errorf("given up: %+v, %v", resp, err)
		}
		if _, err = do(answers("20")); err != nil || tries[1] != 20*time.Second {
			t.Errorf("%v, %v", tries, err)
		}
		if _, err = do(answers(time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat))); err != nil || tries[1] <= 29*time.Second || tries[1] > 30*time.Second { // a date has no fractions
			t.Errorf("%v, %v", tries, err)
		}
		resp, err = do(answers("60")) // no time for that
		if err != nil || resp.StatusCode != 503 || len(tries) != 1 || time.Since(start) != 0 {
			t.Errorf("%+v, %v, %v after %v", resp, err, tries, time.Since(start))
		}
	})
}

func TestClient_OnlyWhatMayBeRepeatedIs(t *testing.T) {
	var bodies []string
	var mu sync.Mutex
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, string(body))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	keyed := request(t, "POST", url, "x")
	keyed.Header.Set("Idempotency-Key", "1")
	once := request(t, "PUT", url)
	once.Body, once.ContentLength = io.NopCloser(strings.NewReader("x")), 1 // cannot be had again
	for name, c := range map[string]struct {
		req   *http.Request
		tries int
	}{
		"GET":           {request(t, "GET", url), 3},
		"PUT":           {request(t, "PUT", url, "x"), 3},
		"POST":          {request(t, "POST", url, "x"), 1},
		"POST, keyed":   {keyed, 3},
		"PUT of a pipe": {once, 1},
	} {
		bodies = nil
		resp, err := newClient(t).Do(t.Context(), c.req).Wait(patience)
		if err != nil || resp.Tries != c.tries || resp.StatusCode != 503 || len(bodies) != c.tries || len(slices.Compact(bodies)) != 1 {
			t.Errorf("%s: %+v, %v, bodies %q", name, resp, err, bodies)
		}
	}
}

func TestClient_AnyRequestMayBeRepeatedThatFoundNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = newClient(t).Do(t.Context(), request(t, "POST", "http://u:secret@"+l.Addr().String()+"/x?secret", "x")).Wait(patience)
	if e := upstream(t, err); e.Tries != 3 || e.HTTPStatus() != 502 || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "tried 3 times") {
		t.Errorf("%v", err)
	}
}

func TestClient_FlakyAndTruncated(t *testing.T) {
	var n atomic.Int32
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		if n.Add(1)%2 == 1 || r.URL.Path == "/always" {
			fmt.Fprint(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, "0123456789")
	}))
	c := newClient(t)
	resp, err := c.Do(t.Context(), request(t, "GET", url)).Wait(patience)
	if err != nil || resp.Tries != 2 || string(resp.Body) != "0123456789" {
		t.Errorf("%+v, %v", resp, err)
	}
	_, err = c.Do(t.Context(), request(t, "GET", url+"/always")).Wait(patience)
	if e := upstream(t, err); e.Tries != 3 || !errors.Is(err, io.ErrUnexpectedEOF) || e.HTTPStatus() != 502 {
		t.Errorf("%v", err)
	}
}

func TestClient_HugeResponses(t *testing.T) {
	const limit = 64 << 10
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 64*limit))
	z.Close()
	var tries atomic.Int32
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tries.Add(1)
		switch r.URL.Path {
		case "/said":
			w.Header().Set("Content-Length", fmt.Sprint(limit+1))
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		case "/endless":
			for chunk := make([]byte, limit/4); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		case "/just":
			w.Write(make([]byte, limit))
		}
	}))
	c := newClient(t, func(c *httpbridge.Client) { c.MaxBody = limit })
	for _, path := range []string{"/said", "/bomb", "/endless"} {
		tries.Store(0)
		_, err := c.Do(t.Context(), request(t, "GET", url+path)).Wait(patience)
		if !errors.Is(err, httpbridge.ErrBodyTooLarge) || tries.Load() != 1 || upstream(t, err).HTTPStatus() != 502 {
			t.Errorf("%s: %v after %d tries", path, err, tries.Load())
		}
	}
	if resp, err := c.Do(t.Context(), request(t, "GET", url+"/just")).Wait(patience); err != nil || len(resp.Body) != limit {
		t.Errorf("%v", err)
	}
	if _, err := c.Do(t.Context(), request(t, "HEAD", url+"/said")).Wait(patience); err != nil {
		t.Errorf("HEAD: %v", err)
	}
}

// A server that never answers, and one that never ends.
func TestClient_SlowServers(t *testing.T) {
	var running atomic.Int32
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Add(-1)
		if r.URL.Path == "/drip" {
			for r.Context().Err() == nil {
				fmt.Fprint(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		}
		<-r.Context().Done()
	}))
	for _, path := range []string{"/silent", "/drip"} {
		c := newClient(t, func(c *httpbridge.Client) { c.TryTimeout = 50 * time.Millisecond })
		_, err := c.Do(t.Context(), request(t, "GET", url+path)).Wait(patience)
		if e := upstream(t, err); e.Tries != 3 || !e.Timeout() || e.HTTPStatus() != 504 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", path, err)
		}
		c = newClient(t, func(c *httpbridge.Client) { c.Timeout = 50 * time.Millisecond })
		_, err = c.Do(t.Context(), request(t, "GET", url+path)).Wait(patience)
		if e := upstream(t, err); e.Tries != 1 || !e.Timeout() || e.HTTPStatus() != 504 {
			t.Errorf("%s: %v", path, err)
		}
	}
	await(t, func() bool { return running.Load() == 0 }) // each handler was told
}

func TestClient_CancelReachesTheServer(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	}))
	res := newClient(t).Do(t.Context(), request(t, "GET", url))
	<-arrived
	res.Cancel()
	<-gone
	_, err := res.Wait(patience)
	var e *httpbridge.UpstreamError
	if !errors.Is(err, eventual.ErrCanceled) || errors.As(err, &e) {
		t.Errorf("%T %v", err, err)
	}
}

func TestClient_TheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := &httpbridge.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})}
		_, err := httpbridge.GetJSON[int](ctx, c, "http://a/").Wait(time.Minute)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "GET http://a/") {
			t.Error(err)
		}
	})
}

func TestClient_RedirectsWithoutEnd(t *testing.T) {
	var n atomic.Int32
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		http.Redirect(w, r, "/", http.StatusFound)
	}))
	_, err := newClient(t).Do(t.Context(), request(t, "GET", url)).Wait(patience)
	if e := upstream(t, err); e.Tries != 1 || n.Load() != 11 {
		t.Errorf("%v after %d requests", err, n.Load())
	}
}

func TestClient_APanicOfTheTransportLosesNoTurn(t *testing.T) {
	calls := 0
	c := &httpbridge.Client{MaxPerHost: 1, Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		if calls++; calls == 1 {
			panic("transport")
		}
		return respond(req, 200, "ok"), nil
	})}
	_, err := c.Do(t.Context(), request(t, "GET", "http://a/")).Wait(patience)
	if p := (*eventual.PanicError)(nil); !errors.As(err, &p) {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), request(t, "GET", "http://a/")).Wait(patience); err != nil {
		t.Error(err)
	}
}

func TestClient_WhatMakesNoSense(t *testing.T) {
	var none *httpbridge.Client
	var noCtx context.Context
	served := httptest.NewRequest("GET", "http://a/", nil)
	var c httpbridge.Client
	for want, res := range map[string]*eventual.Result[*httpbridge.Response]{
		"nil *Client":            none.Do(t.Context(), request(t, "GET", "http://a/")),
		"nil ctx":                c.Do(noCtx, request(t, "GET", "http://a/")),
		"nil request":            c.Do(t.Context(), nil),
		`address "ftp://a/x"`:    c.Do(t.Context(), request(t, "GET", "ftp://u:p@a/x?y")),
		`address "/x"`:           c.Do(t.Context(), request(t, "GET", "/x")),
		"one that a server got:": c.Do(t.Context(), served),
	} {
		if _, err := res.Wait(patience); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := httpbridge.GetJSON[int](t.Context(), &c, "http://a b/?secret").Wait(patience); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}
