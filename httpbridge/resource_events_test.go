package httpbridge_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/trestle-go/trestle/httpbridge"
)

func wantEvent(t *testing.T, e event, name string, members map[string]any) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(e.data), &doc); err != nil || e.name != name {
		t.Errorf("%+v, want %s", e, name)
	}
	for k, v := range members {
		if doc[k] != v {
			t.Errorf("%s: %s is %v, want %v", name, k, doc[k], v)
		}
	}
}

func TestResources_H03_ProgressAsEvents(t *testing.T) {
	o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{})
	url := serve(t, o)
	location := o.start(t)
	f := follow(t, url+location+"/events")
	wantEvent(t, f.next(), "progress", map[string]any{"state": "pending", "percent": nil, "location": location})
	for done, percent := range []float64{0, 25, 50} {
		httpbridge.Report(o.ctxs[0], httpbridge.Progress{Done: int64(done), Total: 4, Message: "line\r\nbreaks\n\nevent: x"})
		wantEvent(t, f.next(), "progress", map[string]any{"state": "running", "percent": percent, "message": "line\r\nbreaks\n\nevent: x"})
	}
	for i := range int64(1000) { // more than any client wants to see
		httpbridge.Report(o.ctxs[0], httpbridge.Progress{Done: i, Total: 1000})
	}
	o.settle[0]("done", nil)
	last := f.next()
	for n := 0; last.name == "progress"; n++ {
		if n > 20 {
			t.Fatal("a client is sent everything")
		}
		last = f.next()
	}
	wantEvent(t, last, "done", map[string]any{"state": "completed", "status": 200.0, "location": location})
	if _, err := f.read(); err == nil {
		t.Error("the stream goes on")
	}
	if again := follow(t, url+location+"/events", "Last-Event-ID", last.id); again.resp.StatusCode != http.StatusNoContent {
		t.Errorf("a browser that comes again: %d", again.resp.StatusCode)
	}
	late := follow(t, url+location+"/events")
	wantEvent(t, late.next(), "done", map[string]any{"state": "completed"})
	if late.resp.Header.Get("Content-Type") != "text/event-stream" || late.resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", late.resp.Header)
	}
}

func TestResources_H03_HowEventsEnd(t *testing.T) {
	o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{
		Errors: []httpbridge.ErrorRule{httpbridge.OnError(errBoom, 422)},
	})
	url := serve(t, o)
	failing, deleted, closed := o.start(t), o.start(t), o.start(t)
	f, d, c := follow(t, url+failing+"/events"), follow(t, url+deleted+"/events"), follow(t, url+closed+"/events")
	for _, f := range []*following{f, d, c} {
		f.next()
	}
	o.settle[0]("", errBoom)
	wantEvent(t, f.next(), "done", map[string]any{"state": "failed", "status": 422.0})
	o.want(t, "DELETE", deleted, 204)
	wantEvent(t, d.next(), "done", map[string]any{"state": "gone", "status": 410.0})
	if again := follow(t, url+deleted+"/events"); again.resp.StatusCode != 410 {
		t.Errorf("%d", again.resp.StatusCode)
	}
	o.Close()
	if e, err := c.read(); err == nil {
		t.Errorf("after Close: %+v", e)
	}
}

// TestResources_H03_EventsOfWorkThatIsAsked: work that keeps its own account is
// looked at now and then, and again at its end.
func TestResources_H03_EventsOfWorkThatIsAsked(t *testing.T) {
	o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{})
	url := serve(t, o)
	location := o.start(t)
	f := follow(t, url+location+"/events")
	f.next()
	var done int64
	httpbridge.ReportFrom(o.ctxs[0], func() httpbridge.Progress {
		done++
		return httpbridge.Progress{Done: done, Total: 100}
	})
	for _, percent := range []float64{1, 2, 3} {
		wantEvent(t, f.next(), "progress", map[string]any{"percent": percent})
	}
	o.settle[0]("done", nil)
	last := f.next()
	for last.name == "progress" {
		last = f.next()
	}
	wantEvent(t, last, "done", map[string]any{"state": "completed"})
}

func TestResources_H03_EventsAreGuarded(t *testing.T) {
	o := newOffice(t, httpbridge.ResourcesConfig{
		Owner:  func(r *http.Request) string { return r.Header.Get("User") },
		Events: httpbridge.EventsConfig{MaxPerOwner: 1},
	}, httpbridge.HandlerConfig{})
	url := serve(t, o)
	location := o.start(t, "User", "ann") + "/events"
	if code := follow(t, url+location, "User", "ann", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").resp.StatusCode; code != 403 {
		t.Errorf("another origin: %d", code)
	}
	if code := follow(t, url+location, "User", "bob").resp.StatusCode; code != 404 {
		t.Errorf("another owner: %d", code)
	}
	follow(t, url+location, "User", "ann").next()
	if code := follow(t, url+location, "User", "ann").resp.StatusCode; code != 429 {
		t.Errorf("one too many: %d", code)
	}
	o.want(t, "DELETE", location, 405, "User", "ann")
}

func TestResources_H03_PollsAndEventsEndAtShutdown(t *testing.T) {
	var srv *http.Server
	polling := make(chan struct{})
	o := newOffice(t, httpbridge.ResourcesConfig{}, httpbridge.HandlerConfig{})
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Prefer") != "" {
			close(polling)
		}
		o.ServeHTTP(w, r)
	}), func(s *http.Server) { srv = s; httpbridge.EndOnShutdown(s) })
	location := o.start(t)
	f := follow(t, url+location+"/events")
	f.next()
	polled := make(chan error, 1)
	go func() {
		defer http.DefaultClient.CloseIdleConnections()
		req, _ := http.NewRequest("GET", url+location, nil)
		req.Header.Set("Prefer", "wait=30")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != 202 {
				err = errors.New(resp.Status)
			}
		}
		polled <- err
	}()
	within(t, polling, "the poll begins")
	began := time.Now()
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-polled; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	if _, err := f.read(); err == nil {
		t.Error("the stream goes on")
	}
}
