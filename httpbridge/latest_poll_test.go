package httpbridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/threadpool"
)

// timed asks h for path, and returns how long the answer took.
func timed(h http.Handler, path string, header ...string) (*http.Response, time.Duration) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	start := time.Now()
	h.ServeHTTP(w, r)
	return w.Result(), time.Since(start)
}

func TestLatest_H05_LongPollByVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		h := httpbridge.Latest(&l, httpbridge.LatestConfig{MaxWait: 20 * time.Second})
		l.Set(1)
		first, _ := timed(h, "/")
		version := first.Header.Get("Latest-Version")
		poll := func(prefer string) (*http.Response, time.Duration) {
			return timed(h, "/?after="+version, "Prefer", prefer)
		}
		for _, c := range []struct {
			prefer  string
			waits   time.Duration
			applied string
		}{
			{"", 0, ""},
			{"wait=7", 7 * time.Second, "wait=7"},
			{"wait=700", 20 * time.Second, "wait=20"}, // capped
			{"wait=0", 0, "wait=0"},
			{"wait=soon", 0, ""}, // never an error
			{"respond-async, wait=3", 3 * time.Second, "wait=3"},
		} {
			resp, took := poll(c.prefer)
			if resp.StatusCode != http.StatusNoContent || took != c.waits || resp.Header.Get("Preference-Applied") != c.applied || resp.Header.Get("Latest-Version") != version {
				t.Errorf("%q: %d after %v, %v", c.prefer, resp.StatusCode, took, resp.Header)
			}
		}

		time.AfterFunc(5*time.Second, func() { l.Set(1) }) // the same again is a version too
		resp, took := poll("wait=10")
		if next := resp.Header.Get("Latest-Version"); resp.StatusCode != 200 || took != 5*time.Second || next == "" || next == version {
			t.Errorf("%d after %v, %v", resp.StatusCode, took, resp.Header)
		}
		if resp, took := poll("wait=10"); resp.StatusCode != 200 || took != 0 { // has missed it
			t.Errorf("%d after %v", resp.StatusCode, took)
		}
	})
}

func TestLatest_H05_LongPollByETag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		h := httpbridge.Latest(&l, httpbridge.LatestConfig{})
		l.Set(1)
		first, _ := timed(h, "/")
		poll := func() (*http.Response, time.Duration) {
			return timed(h, "/", "If-None-Match", `"other", W/`+first.Header.Get("ETag"), "Prefer", "wait=10")
		}
		if resp, took := poll(); resp.StatusCode != http.StatusNotModified || took != 10*time.Second {
			t.Errorf("%d after %v", resp.StatusCode, took)
		}
		time.AfterFunc(3*time.Second, func() { l.Set(1) }) // nothing that one could see
		time.AfterFunc(6*time.Second, func() { l.Set(2) })
		if resp, took := poll(); resp.StatusCode != 200 || took != 6*time.Second {
			t.Errorf("%d after %v", resp.StatusCode, took)
		}
	})
}

func TestLatest_H05_LongPollForTheFirstValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		h := httpbridge.Latest(&l, httpbridge.LatestConfig{})
		if resp, took := timed(h, "/", "Prefer", "wait=2"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || took != 2*time.Second {
			t.Errorf("%d after %v", resp.StatusCode, took)
		}
		time.AfterFunc(time.Second, func() { l.Set(1) })
		if resp, took := timed(h, "/", "Prefer", "wait=2"); resp.StatusCode != 200 || took != time.Second {
			t.Errorf("%d after %v", resp.StatusCode, took)
		}
	})
}

func TestLatest_H05_LongPollsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		h := httpbridge.Latest(&l, httpbridge.LatestConfig{MaxWaiting: 1})
		never := httpbridge.Latest(&l, httpbridge.LatestConfig{MaxWait: -1})
		waits := make(chan time.Duration)
		go func() { _, took := timed(h, "/", "Prefer", "wait=9"); waits <- took }() // ends with its wait
		synctest.Wait()
		for _, h := range []http.Handler{h, never} {
			if resp, took := timed(h, "/", "Prefer", "wait=9"); resp.StatusCode != 503 || took != 0 {
				t.Errorf("%d after %v", resp.StatusCode, took)
			}
		}
		if took := <-waits; took != 9*time.Second {
			t.Error(took)
		}
	})
}

func TestLatest_H05_LongPollAndTheServer(t *testing.T) {
	var l eventual.Latest[int]
	l.Set(1)
	mux := http.NewServeMux()
	mux.Handle("/", httpbridge.Latest(&l, httpbridge.LatestConfig{}))
	const limit = 50 * time.Millisecond
	srv := &http.Server{Handler: mux, ReadTimeout: limit, WriteTimeout: limit}
	httpbridge.EndOnShutdown(srv)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(listener) // ended by Shutdown
	url := "http://" + listener.Addr().String()
	version := ""
	seen := func() bool { // a slow machine may need more than the server allows
		version = ask(url).header.Get("Latest-Version")
		return version != ""
	}
	poll := func() answer {
		req, _ := http.NewRequest(http.MethodGet, url+"/?after="+version, nil)
		req.Header.Set("Prefer", "wait=30")
		return send(req)
	}
	for value, ok := 2, false; !ok; value++ {
		await(t, seen)
		set := make(chan struct{})
		time.AfterFunc(4*limit, func() { l.Set(value); close(set) })
		a := poll()
		<-set
		ok = a.err == nil
		if ok && (a.status != 200 || a.body != fmt.Sprintln(value)) || value == 20 {
			t.Fatalf("%+v", a)
		}
	}

	await(t, seen)
	answers := make(chan answer)
	go func() { answers <- poll() }()
	time.Sleep(2 * limit) // it waits by now, or gets the same answer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if a := <-answers; a.status != http.StatusNoContent && a.err == nil || time.Since(start) > patience/2 {
		t.Errorf("%+v after %v", a, time.Since(start))
	}
}

func TestLatest_ViewSeesTheVersion(t *testing.T) {
	var l eventual.Latest[int]
	l.Set(7)
	resp := get(t, httpbridge.Latest(&l, httpbridge.LatestConfig{View: func(s httpbridge.Seen) any {
		if s.Value == 8 {
			panic("no eights")
		}
		return s.Version
	}}))
	var shown string
	if err := json.NewDecoder(resp.Body).Decode(&shown); err != nil || shown == "" || shown != resp.Header.Get("Latest-Version") {
		t.Errorf("%q, %v", shown, err)
	}
	l.Set(8)
	h := httpbridge.Latest(&l, httpbridge.LatestConfig{View: func(httpbridge.Seen) any { panic("no views") }})
	if resp := get(t, h); resp.StatusCode != 500 {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestLatest_H07_LongPollsOutliveTheTimeoutOfAMiddleware: all of them, also those who
// come to a value while another encodes it.
func TestLatest_H07_LongPollsOutliveTheTimeoutOfAMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		latest := httpbridge.Latest(&l, httpbridge.LatestConfig{View: func(s httpbridge.Seen) any {
			time.Sleep(time.Second)
			return s.Value
		}})
		h := httpbridge.Middleware(newPool(t, threadpool.Config{Max: 2}), httpbridge.PoolConfig{Timeout: 2 * time.Second})(latest)
		l.Set(1)
		version := get(t, h).Header.Get("Latest-Version")
		statuses := make(chan int, 5)
		for range cap(statuses) {
			go func() { // ends with its response
				resp, _ := timed(h, "/?after="+version, "Prefer", "wait=20")
				statuses <- resp.StatusCode
			}()
		}
		time.Sleep(10 * time.Second)
		l.Set(2)
		for range cap(statuses) {
			if got := <-statuses; got != 200 {
				t.Errorf("%d", got)
			}
		}
	})
}
