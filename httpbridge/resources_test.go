package httpbridge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

// office is a route that begins jobs, and where they are kept.
type office struct {
	*httpbridge.Resources
	http.Handler

	settle   []func(string, error) bool // of each job
	canceled []*atomic.Bool
	ctxs     []context.Context
}

func newOffice(t *testing.T, cfg httpbridge.ResourcesConfig, route httpbridge.HandlerConfig) *office {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = "/jobs/"
	}
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	s, err := httpbridge.NewResources(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	o := &office{Resources: s}
	route.Resources = s
	if route.Logger == nil {
		route.Logger = quiet
	}
	mux := http.NewServeMux()
	mux.Handle("POST /jobs", httpbridge.Handler(o.begin, route))
	mux.Handle("/jobs/{id}", s)
	mux.Handle("/jobs/{id}/events", s)
	o.Handler = mux
	return o
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) { o.Handler.ServeHTTP(w, r) }

func (o *office) begin(r *http.Request) *eventual.Result[string] {
	canceled := new(atomic.Bool)
	o.canceled, o.ctxs = append(o.canceled, canceled), append(o.ctxs, r.Context())
	res, settle := eventual.New[string](func() { canceled.Store(true) })
	o.settle = append(o.settle, settle)
	return res
}

// start begins a job and returns where its outcome will be.
func (o *office) start(t *testing.T, header ...string) (location string) {
	t.Helper()
	resp := do(o, "POST", "/jobs", append([]string{"Prefer", "respond-async"}, header...)...)
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s", resp.StatusCode, body(t, resp))
	}
	return resp.Header.Get("Location")
}

func (o *office) want(t *testing.T, method, target string, status int, header ...string) *http.Response {
	t.Helper()
	resp := do(o, method, target, header...)
	if resp.StatusCode != status {
		t.Errorf("%s %s: %d %s, want %d", method, target, resp.StatusCode, body(t, resp), status)
	}
	return resp
}

func TestResources_H03_FromAcceptedToTheOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, httpbridge.ResourcesConfig{RetryAfter: 1500 * time.Millisecond}, httpbridge.HandlerConfig{})
		resp := do(o, "POST", "http://evil.example/jobs", "Prefer", "respond-async, foo=bar", "X-Forwarded-Host", "evil.example")
		location := resp.Header.Get("Location")
		id := strings.TrimPrefix(location, "/jobs/")
		if resp.StatusCode != 202 || len(id) < 22 || strings.Contains(fmt.Sprint(resp.Header), "evil") {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
		for name, want := range map[string]string{
			"Retry-After": "2", "Preference-Applied": "respond-async", "Content-Type": "application/json", "Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if doc := document(t, resp); doc["id"] != id || doc["state"] != "pending" || doc["percent"] != nil || doc["location"] != location || doc["events"] != location+"/events" {
			t.Errorf("%v", doc)
		}

		httpbridge.Report(o.ctxs[0], httpbridge.Progress{Done: 1, Total: 8, Message: "one", Data: []int{1}})
		resp = o.want(t, "GET", location, 202)
		if doc := document(t, resp); doc["state"] != "running" || doc["percent"] != 12.5 || doc["message"] != "one" || fmt.Sprint(doc["data"]) != "[1]" || resp.Header.Get("Retry-After") != "2" {
			t.Errorf("%v", doc)
		}
		if o.ctxs[0].Err() != nil {
			t.Error("the ctx of the work has ended with the request")
		}

		o.settle[0]("done", nil)
		synctest.Wait()
		if o.ctxs[0].Err() == nil {
			t.Error("the ctx of the work outlives it")
		}
		for range 3 {
			if resp := o.want(t, "GET", location, 200); body(t, resp) != "\"done\"\n" || resp.Header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("%v", resp.Header)
			}
		}
		if resp := o.want(t, "HEAD", location, 200); body(t, resp) != "" {
			t.Error("HEAD with a body")
		}
		time.Sleep(15*time.Minute - 1)
		o.want(t, "GET", location, 200)
		time.Sleep(time.Nanosecond)
		if doc := document(t, o.want(t, "GET", location, 410)); doc["detail"] != "The result has expired." {
			t.Errorf("%v", doc)
		}
		time.Sleep(time.Hour)
		o.want(t, "GET", location, 404) // forgotten
		if s := o.Stats(); s != (httpbridge.ResourcesStats{}) {
			t.Errorf("left over: %+v", s)
		}
	})
}

func TestResources_H03_QuickAndFailedWork(t *testing.T) {
	var l log
	o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{Logger: l.logger()})
	quick := of("at once", httpbridge.HandlerConfig{Resources: o.Resources})
	resp := do(quick, "POST", "/", "Prefer", "respond-async")
	if resp.StatusCode != 200 || resp.Header.Get("Location") != "" || o.Stats().Counted != 0 {
		t.Errorf("work that was done: %d %v, %+v", resp.StatusCode, resp.Header, o.Stats())
	}
	failing := o.start(t)
	o.settle[0]("", &httpbridge.Problem{Status: 422, Detail: "Too large."})
	for range 2 {
		if doc := wantProblem(t, do(o, "GET", failing), 422); doc["detail"] != "Too large." {
			t.Errorf("%v", doc)
		}
	}
	broken := o.start(t)
	o.settle[1]("", errBoom)
	for range 3 {
		wantProblem(t, do(o, "GET", broken), 500)
	}
	if n := strings.Count(l.String(), "level=ERROR"); n != 1 {
		t.Errorf("one failure is logged %d times", n)
	}
	// Not by the handler's fault, and nothing is left behind.
	panicking := httpbridge.Handler(func(*http.Request) *eventual.Result[int] { panic(1) }, httpbridge.HandlerConfig{Resources: o.Resources, Logger: quiet})
	wantProblem(t, do(panicking, "POST", "/", "Prefer", "respond-async"), 500)
	if s := o.Stats(); s.Counted != 2 || s.Finished != 2 {
		t.Errorf("%+v", s)
	}
}

func TestResources_H03_Delete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, httpbridge.ResourcesConfig{Max: 1}, httpbridge.HandlerConfig{})
		location := o.start(t)
		for range 3 {
			o.want(t, "DELETE", location, 204)
		}
		if !o.canceled[0].Load() || o.ctxs[0].Err() == nil {
			t.Error("the work was not told")
		}
		wantProblem(t, do(o, "GET", location), 410)
		wantProblem(t, do(o, "GET", location+"/events"), 410)
		// It takes its time to end, and counts as long.
		o.want(t, "POST", "/jobs", 503, "Prefer", "respond-async")
		o.settle[0]("", context.Canceled)
		second := o.start(t)
		o.settle[1]("done", nil)
		o.want(t, "DELETE", second, 204)
		o.want(t, "DELETE", second, 204)
		wantProblem(t, do(o, "GET", second), 410)
		time.Sleep(time.Hour)
		o.want(t, "DELETE", second, 404)
		o.want(t, "PUT", o.start(t), 405)
		o.want(t, "POST", "/jobs/x/events", 404)
	})
}

func TestResources_H03_StrangersLearnNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, httpbridge.ResourcesConfig{Owner: func(r *http.Request) string { return r.Header.Get("User") }}, httpbridge.HandlerConfig{})
		location := o.start(t, "User", "ann")
		o.want(t, "GET", location, 202, "User", "ann")
		var first string
		check := func(target string, header ...string) {
			t.Helper()
			for _, suffix := range []string{"", "/events"} {
				for _, method := range []string{"GET", "DELETE", "PATCH"} {
					resp := do(o, method, target+suffix, header...)
					got := fmt.Sprint(resp.StatusCode, resp.Header, body(t, resp))
					if first == "" {
						first = got
					}
					if resp.StatusCode != 404 || got != first {
						t.Errorf("%s %s %v: %s, want %s", method, target+suffix, header, got, first)
					}
				}
			}
		}
		strangers := func() {
			t.Helper()
			check(location, "User", "bob")
			check(location)
			check(location+"A", "User", "ann")
			check("/jobs/"+strings.Repeat("A", 26), "User", "ann")
			check("/jobs/..%2f%00", "User", "ann")
			check("/jobs/"+strings.ToLower(strings.TrimPrefix(location, "/jobs/")), "User", "ann")
		}
		strangers()
		if o.canceled[0].Load() {
			t.Error("a stranger cancelled it")
		}
		o.settle[0]("secret", nil)
		strangers()
		time.Sleep(15 * time.Minute)
		o.want(t, "GET", location, 410, "User", "ann")
		strangers()
	})
}

func TestResources_H03_Caps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, httpbridge.ResourcesConfig{Max: 3, MaxPerOwner: 2, Owner: func(r *http.Request) string { return r.Header.Get("User") }}, httpbridge.HandlerConfig{})
		begin := func(user string, status int) string {
			t.Helper()
			began := len(o.settle)
			resp := o.want(t, "POST", "/jobs", status, "Prefer", "respond-async", "User", user)
			if status != 202 && (resp.Header.Get("Retry-After") == "" || len(o.settle) != began) {
				t.Errorf("refused with %v, begun %v", resp.Header, len(o.settle) != began)
			}
			return resp.Header.Get("Location")
		}
		first := begin("ann", 202)
		begin("ann", 202)
		begin("ann", 429) // as many as one may have
		begin("bob", 202)
		begin("bob", 503) // as many as there may be
		o.settle[0]("one", nil)
		begin("bob", 503) // it was not fetched yet
		begin("ann", 429)
		o.want(t, "GET", first, 200, "User", "ann")
		begin("ann", 202) // the one that was fetched makes room
		wantProblem(t, do(o, "GET", first, "User", "ann"), 410)
		if s := o.Stats(); s.Pending != 3 || s.Counted != 3 || s.Owners != 2 {
			t.Errorf("%+v", s)
		}
		o.settle[1]("two", nil)
		time.Sleep(time.Hour) // it expires, and so do the pending ones, which still run
		synctest.Wait()
		if s := o.Stats(); s.Pending != 0 || s.Counted != 2 {
			t.Errorf("%+v", s)
		}
		begin("bob", 202)
		begin("cy", 503)
	})
}

func TestResources_H03_FailuresNeverFetchedAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported log
		defer eventual.OnUnhandled(func(err error) { fmt.Fprintln(&reported, err) })()
		o := newOffice(t, httpbridge.ResourcesConfig{TTL: time.Minute}, httpbridge.HandlerConfig{})
		o.start(t)
		o.settle[0]("", errors.New("of a job: never fetched"))
		fetched := o.start(t)
		o.settle[1]("", errors.New("of a job: fetched"))
		o.want(t, "GET", fetched, 500)
		deleted := o.start(t)
		o.settle[2]("", errors.New("of a job: deleted"))
		o.want(t, "DELETE", deleted, 204)
		o.start(t)
		o.settle[3]("a success", nil)
		time.Sleep(time.Minute - 1)
		runtime.GC()
		if text := reported.String(); strings.Contains(text, "of a job") {
			t.Errorf("too early: %s", text)
		}
		time.Sleep(time.Nanosecond) // by itself: nobody asks
		synctest.Wait()
		if text := reported.String(); strings.Count(text, "of a job") != 1 || !strings.Contains(text, "of a job: never fetched") {
			t.Errorf("reported: %s", text)
		}
	})
}

func TestResources_H03_WorkThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		o := newOffice(t, httpbridge.ResourcesConfig{MaxRun: time.Minute, Logger: l.logger()}, httpbridge.HandlerConfig{})
		location := o.start(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !o.canceled[0].Load() || !strings.Contains(l.String(), "took too long") {
			t.Errorf("cancelled %v, log %s", o.canceled[0].Load(), &l)
		}
		if doc := wantProblem(t, do(o, "GET", location), 410); doc["detail"] != "The work took too long and was cancelled." {
			t.Errorf("%v", doc)
		}
		o.settle[0]("late", nil)
		o.want(t, "GET", location, 410)
		if n := o.Stats().Counted; n != 0 {
			t.Errorf("%d counted", n)
		}
	})
}

func TestResources_H04_Wait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, httpbridge.ResourcesConfig{MaxWait: 20 * time.Second}, httpbridge.HandlerConfig{Timeout: 10 * time.Second})
		timed := func(method, target, prefer string, status int, after time.Duration, applied string) *http.Response {
			t.Helper()
			began := time.Now()
			resp := o.want(t, method, target, status, "Prefer", prefer)
			if took := time.Since(began); took != after || resp.Header.Get("Preference-Applied") != applied {
				t.Errorf("%s %q: after %v, want %v; applied %q, want %q", target, prefer, took, after, resp.Header.Get("Preference-Applied"), applied)
			}
			return resp
		}
		timed("POST", "/jobs", "respond-async", 202, 0, "respond-async")
		timed("POST", "/jobs", "respond-async, wait=3", 202, 3*time.Second, "respond-async, wait=3")
		location := timed("POST", "/jobs", "wait=100, respond-async", 202, 10*time.Second, "respond-async, wait=10").Header.Get("Location")
		timed("POST", "/jobs", "wait=2", 504, 2*time.Second, "wait=2")
		began := time.Now() // several headers are as good as one list
		if resp := o.want(t, "POST", "/jobs", 202, "Prefer", "wait=3", "Prefer", "foo", "Prefer", "respond-async"); time.Since(began) != 3*time.Second || resp.Header.Get("Preference-Applied") != "respond-async, wait=3" {
			t.Errorf("after %v, %v", time.Since(began), resp.Header)
		}
		time.AfterFunc(4*time.Second, func() { o.settle[5]("in time", nil) })
		if resp := timed("POST", "/jobs", "respond-async, wait=5", 200, 4*time.Second, "wait=5"); body(t, resp) != "\"in time\"\n" || resp.Header.Get("Location") != "" {
			t.Errorf("%v", resp.Header)
		}

		timed("GET", location, "respond-async", 202, 0, "")
		timed("GET", location, "wait=3", 202, 3*time.Second, "wait=3")
		timed("GET", location, "wait=3000", 202, 20*time.Second, "wait=20")
		time.AfterFunc(time.Second, func() { o.settle[2]("there", nil) })
		timed("GET", location, "wait=5", 200, time.Second, "wait=5")

		hurried, cancel := context.WithTimeout(t.Context(), time.Second) // by some middleware
		defer cancel()
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/jobs", nil).WithContext(hurried)
		r.Header.Set("Prefer", "respond-async, wait=5")
		if o.ServeHTTP(w, r); w.Code != 202 || o.canceled[6].Load() || o.ctxs[6].Err() != nil {
			t.Errorf("deadline of the request: %d", w.Code)
		}

		r = httptest.NewRequest("GET", o.start(t), nil)
		r.Header.Set("Prefer", "wait=10")
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		w = httptest.NewRecorder()
		o.ServeHTTP(w, r.WithContext(ctx))
		if w.Body.Len() != 0 || o.canceled[7].Load() {
			t.Errorf("one who polls has gone: %s, cancelled %v", w.Body, o.canceled[7].Load())
		}
	})
}

func TestResources_H03_ClientThatLeavesBeforeItWasToldWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{})
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		r := httptest.NewRequest("POST", "/jobs", nil).WithContext(ctx)
		r.Header.Set("Prefer", "respond-async, wait=3")
		o.ServeHTTP(httptest.NewRecorder(), r)
		if !o.canceled[0].Load() || o.ctxs[0].Err() == nil {
			t.Error("the work goes on for nobody")
		}
		if n := o.Stats().Counted; n != 1 {
			t.Errorf("%d counted while it runs", n)
		}
		o.settle[0]("", context.Canceled)
		if n := o.Stats().Counted; n != 0 {
			t.Errorf("%d counted", n)
		}
	})
}

func TestResources_H03_AsyncRoute(t *testing.T) {
	o := newOffice(t, httpbridge.ResourcesConfig{Path: "https://example.org/app/jobs/"}, httpbridge.HandlerConfig{Async: true})
	resp := o.want(t, "POST", "/jobs", 202)
	if !strings.HasPrefix(resp.Header.Get("Location"), "https://example.org/app/jobs/") || resp.Header.Get("Preference-Applied") != "" {
		t.Errorf("%v", resp.Header)
	}
}

func TestResources_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported atomic.Int32
		mine := errors.New("of this test")
		defer eventual.OnUnhandled(func(err error) {
			if errors.Is(err, mine) {
				reported.Add(1)
			}
		})()
		o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{})
		location := o.start(t)
		o.start(t)
		o.settle[1]("", mine)
		polled := make(chan int)
		go func() { polled <- do(o, "GET", location, "Prefer", "wait=20").StatusCode }()
		synctest.Wait()
		o.Close()
		o.Close()
		if code := <-polled; code != 503 {
			t.Errorf("a poll: %d", code)
		}
		if !o.canceled[0].Load() || reported.Load() != 1 {
			t.Errorf("cancelled %v, %d reported", o.canceled[0].Load(), reported.Load())
		}
		o.want(t, "GET", location, 503)
		o.want(t, "POST", "/jobs", 503, "Prefer", "respond-async")
		o.settle[0]("late", nil)
		if s := o.Stats(); s != (httpbridge.ResourcesStats{}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestResources_BadConfig(t *testing.T) {
	for want, cfg := range map[string]httpbridge.ResourcesConfig{
		`Path ""`:              {},
		`Path "jobs/"`:         {Path: "jobs/"},
		`Path "/jobs"`:         {Path: "/jobs"},
		`Path "/jobs/?a=/"`:    {Path: "/jobs/?a=/"},
		"TTL -1s is negative":  {Path: "/", TTL: -time.Second},
		"MaxRun -1s":           {Path: "/", MaxRun: -time.Second},
		"MaxPerOwner -1":       {Path: "/", MaxPerOwner: -1},
		"Max -2 is negative":   {Path: "/", Max: -2},
		"RetryAfter -1ns is n": {Path: "/", RetryAfter: -1},
		"MaxWait -1ns":         {Path: "/", MaxWait: -1},
	} {
		if _, err := httpbridge.NewResources(cfg); err == nil || !strings.Contains(err.Error(), "httpbridge: ResourcesConfig: "+want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestResources_H03_ProgressOfAllKinds(t *testing.T) {
	o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{})
	location := o.start(t)
	percent := func() any { return document(t, o.want(t, "GET", location, 202))["percent"] }
	for _, c := range []struct {
		p    httpbridge.Progress
		want any
	}{
		{httpbridge.Progress{Done: 5}, nil},
		{httpbridge.Progress{Done: 5, Total: -1}, nil},
		{httpbridge.Progress{Done: -5, Total: 10}, 0.0},
		{httpbridge.Progress{Done: 15, Total: 10}, 100.0},
		{httpbridge.Progress{Done: 1, Total: 4, Data: func() {}}, 25.0}, // what cannot be encoded is left out
	} {
		httpbridge.Report(o.ctxs[0], c.p)
		if got := percent(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.p, got, c.want)
		}
	}
	done := int64(0)
	httpbridge.ReportFrom(o.ctxs[0], func() httpbridge.Progress { done++; return httpbridge.Progress{Done: done, Total: 4} })
	if a, b := percent(), percent(); a != 25.0 || b != 50.0 {
		t.Errorf("%v, %v", a, b)
	}
	httpbridge.Report(context.Background(), httpbridge.Progress{Done: 1}) // nobody wants to know
	httpbridge.ReportFrom(context.Background(), nil)
}
