package httpbridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

// slowWriter is a response writer in fake time. Its writes block while it is held,
// until their deadline.
type slowWriter struct {
	header http.Header

	mu       sync.Mutex // guards what follows
	held     bool
	deadline time.Time
	changed  chan struct{} // closed when held or deadline change
	out      bytes.Buffer
}

func newSlowWriter() *slowWriter {
	return &slowWriter{header: http.Header{}, changed: make(chan struct{})}
}

func (w *slowWriter) Header() http.Header { return w.header }
func (w *slowWriter) WriteHeader(int)     {}
func (w *slowWriter) Flush()              {}

func (w *slowWriter) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *slowWriter) hold(held bool)                  { w.change(func() { w.held = held }) }
func (w *slowWriter) SetReadDeadline(time.Time) error { return nil }
func (w *slowWriter) SetWriteDeadline(t time.Time) error {
	w.change(func() { w.deadline = t })
	return nil
}

func (w *slowWriter) Write(p []byte) (int, error) {
	for {
		w.mu.Lock()
		if !w.held {
			defer w.mu.Unlock()
			return w.out.Write(p)
		}
		left, changed := time.Until(w.deadline), w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(left):
			return 0, os.ErrDeadlineExceeded
		}
	}
}

var dataField = regexp.MustCompile(`(?m)^data: (.*)$`)

// data returns the data of what was written so far.
func (w *slowWriter) data() (all []string) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range dataField.FindAllStringSubmatch(w.out.String(), -1) {
		all = append(all, m[1])
	}
	return all
}

func (w *slowWriter) lastID() string {
	_, after, _ := strings.Cut(w.out.String()[strings.LastIndex(w.out.String(), "id: "):], " ")
	id, _, _ := strings.Cut(after, "\n")
	return id
}

// connect has h serve a slowWriter; done is closed when h returns.
func connect(h http.Handler, ctx context.Context, header ...string) (w *slowWriter, done chan struct{}) {
	w, done = newSlowWriter(), make(chan struct{})
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	go func() {
		defer close(done)
		h.ServeHTTP(w, r)
	}()
	synctest.Wait()
	return w, done
}

func isClosed(done chan struct{}) bool {
	synctest.Wait()
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestStream_H06_OverflowDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := httpbridge.Stream[int]{Replay: 3}
		h := s.Handler(httpbridge.EventsConfig{})
		w, done := connect(h, t.Context())
		publish(t, &s, 1)
		if got := w.data(); !slices.Equal(got, []string{"1"}) {
			t.Fatal(got)
		}
		w.hold(true)
		publish(t, &s, 2)
		synctest.Wait()         // 2 is being written
		publish(t, &s, 3, 4, 5) // as many as are kept
		w.hold(false)
		if got := w.data(); !slices.Equal(got, []string{"1", "2", "3", "4", "5"}) {
			t.Fatalf("within the bounds: %v", got)
		}
		w.hold(true)
		publish(t, &s, 6)
		synctest.Wait()
		publish(t, &s, 7, 8, 9, 10) // and one more
		w.hold(false)
		if got := w.data(); !slices.Equal(got, []string{"1", "2", "3", "4", "5", "6"}) || !isClosed(done) {
			t.Errorf("past them: %v", got)
		}
		if st := s.Stats(); st.TooSlow != 1 || st.Clients != 0 || st.Published != 10 || st.Kept != 3 {
			t.Errorf("%+v", st)
		}
		ctx, cancel := context.WithCancel(t.Context())
		again, done := connect(h, ctx, "Last-Event-ID", w.lastID())
		if got := again.data(); !slices.Equal(got, []string{"{}", "8", "9", "10"}) || !strings.Contains(again.out.String(), "event: reset\n") {
			t.Errorf("reconnected: %v", got)
		}
		cancel()
		<-done
	})
}

func TestStream_H06_OverflowKeepLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := httpbridge.Stream[int]{Replay: 3}
		ctx, cancel := context.WithCancel(t.Context())
		odd := httpbridge.Subscribe(func(*http.Request) (httpbridge.Subscription[int], error) {
			return httpbridge.Subscription[int]{Stream: &s, Only: func(n int) bool { return n%2 == 1 }}, nil
		}, httpbridge.EventsConfig{Overflow: httpbridge.KeepLatest})
		all := s.Handler(httpbridge.EventsConfig{Overflow: httpbridge.KeepLatest})
		publish(t, &s, 1)
		w, done := connect(all, ctx)
		wOdd, doneOdd := connect(odd, ctx)
		w.hold(true)
		wOdd.hold(true)
		publish(t, &s, 3)
		synctest.Wait()
		publish(t, &s, 4, 5, 6, 7, 8)
		w.hold(false)
		wOdd.hold(false)
		if got := w.data(); !slices.Equal(got, []string{"1", "3", "8"}) {
			t.Errorf("all: %v", got)
		}
		if got := wOdd.data(); !slices.Equal(got, []string{"1", "3", "7"}) {
			t.Errorf("odd ones: %v", got)
		}
		back, doneBack := connect(all, ctx, "Last-Event-ID", "other-1")
		if got := back.data(); !slices.Equal(got, []string{"8"}) {
			t.Errorf("back: %v", got)
		}
		cancel()
		<-done
		<-doneOdd
		<-doneBack
	})
}

func TestEvents_H06_ASlowClientGetsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		ctx, cancel := context.WithCancel(t.Context())
		w, done := connect(httpbridge.Events(&l, httpbridge.EventsConfig{}), ctx)
		w.hold(true)
		l.Set(1)
		synctest.Wait()
		for i := 2; i < 9; i++ {
			l.Set(i)
		}
		w.hold(false)
		if got := w.data(); !slices.Equal(got, []string{"1", "8"}) {
			t.Error(got)
		}
		cancel()
		<-done
	})
}

func TestStream_H06_WriteDeadlineAndInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s httpbridge.Stream[int]
		h := s.Handler(httpbridge.EventsConfig{WriteTimeout: 7 * time.Second})
		w, done := connect(h, t.Context())
		time.Sleep(time.Minute)
		w.hold(true)
		start := time.Now()
		publish(t, &s, 1)
		<-done
		if took := time.Since(start); took != 7*time.Second || s.Stats().TooSlow != 1 {
			t.Errorf("after %v, %+v", took, s.Stats())
		}

		ctx, cancel := context.WithCancel(t.Context())
		w, done = connect(h, ctx)
		w.hold(true)
		publish(t, &s, 2)
		synctest.Wait()
		start = time.Now()
		cancel() // in the middle of a write
		<-done
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("after %v", took)
		}
	})
}

func TestStream_H06_Heartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s httpbridge.Stream[int]
		ctx, cancel := context.WithCancel(t.Context())
		w, done := connect(s.Handler(httpbridge.EventsConfig{}), ctx)
		beats := func() int {
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			return strings.Count(w.out.String(), ":\n\n")
		}
		for i := range 10 { // never silent for 15 s
			time.Sleep(10 * time.Second)
			publish(t, &s, i)
		}
		if n := beats(); n != 0 {
			t.Errorf("%d while there were events", n)
		}
		time.Sleep(time.Minute)
		if n := beats(); n != 4 {
			t.Errorf("%d in a silent minute", n)
		}
		cancel()
		<-done
	})
}

func TestStream_H06_RetryIsSpread(t *testing.T) {
	var s httpbridge.Stream[int]
	s.Publish(1)
	s.Close()
	seen := map[string]bool{}
	for range 50 {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		s.Handler(httpbridge.EventsConfig{History: 1, Retry: 2 * time.Second}).ServeHTTP(w, r)
		line, _, _ := strings.Cut(w.Body.String(), "\n")
		var ms int
		if n, err := fmt.Sscanf(line, "retry: %d", &ms); n != 1 || ms < 2000 || ms > 3000 {
			t.Fatalf("%q, %v", line, err)
		}
		seen[line] = true
	}
	if len(seen) < 2 {
		t.Error("all come back at once")
	}
}

func TestStream_Watch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := httpbridge.Stream[int]{Replay: 3}
		publish(t, &s, 1, 2)
		var got []int
		done := make(chan struct{})
		go func() { // ends when s is closed
			defer close(done)
			for v, err := range s.Watch(t.Context(), 1) {
				if err != nil {
					t.Error(err)
				}
				got = append(got, v)
			}
		}()
		synctest.Wait()
		publish(t, &s, 3, 4)
		synctest.Wait()
		publish(t, &s, 5)
		s.Close()
		<-done
		if !slices.Equal(got, []int{2, 3, 4, 5}) || s.Stats().Clients != 0 {
			t.Errorf("%v, %+v", got, s.Stats())
		}
	})
}

func TestStream_WatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := httpbridge.Stream[int]{Replay: 3}
		publish(t, &s, 1)
		var last error
		var got []int
		for v, err := range s.Watch(t.Context(), 1) {
			if last = err; err == nil {
				got = append(got, v)
				publish(t, &s, 2, 3, 4, 5)
			}
		}
		if !errors.Is(last, httpbridge.ErrTooSlow) || !slices.Equal(got, []int{1}) || s.Stats().TooSlow != 1 {
			t.Errorf("%v, %v, %+v", got, last, s.Stats())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for v, err := range s.Watch(ctx, 0) {
			t.Errorf("%d, %v", v, err)
		}
		for range s.Watch(t.Context(), 1) {
			break
		}
		if s.Stats().Clients != 0 {
			t.Errorf("%+v", s.Stats())
		}
	})
}

func TestStream_ReplayBytes(t *testing.T) {
	s := httpbridge.Stream[string]{ReplayBytes: 1000}
	for range 100 {
		publish(t, &s, strings.Repeat("x", 100))
	}
	if st := s.Stats(); st.Kept < 5 || st.KeptBytes > 1000 {
		t.Errorf("%+v", st)
	}
	publish(t, &s, strings.Repeat("x", 5000)) // kept whatever its size
	if st := s.Stats(); st.Kept != 1 || st.KeptBytes < 5000 {
		t.Errorf("%+v", st)
	}
}

func TestStream_WhatCannotBeEncoded(t *testing.T) {
	var s httpbridge.Stream[any]
	if err := s.Publish(make(chan int)); err == nil || !strings.Contains(err.Error(), "chan int") || s.Stats().Published != 0 {
		t.Errorf("%v, %+v", err, s.Stats())
	}
}

func TestSubscribe_PicksAStream(t *testing.T) {
	rooms := map[string]*httpbridge.Stream[string]{"a": {}, "b": {}}
	mux := http.NewServeMux()
	mux.Handle("GET /rooms/{room}", httpbridge.Subscribe(func(r *http.Request) (httpbridge.Subscription[string], error) {
		switch name := r.PathValue("room"); name {
		case "panic":
			panic("no room")
		case "none":
			return httpbridge.Subscription[string]{}, nil
		case "a", "b":
			return httpbridge.Subscription[string]{Stream: rooms[name]}, nil
		}
		return httpbridge.Subscription[string]{}, &httpbridge.Problem{Status: http.StatusNotFound}
	}, httpbridge.EventsConfig{}))
	url := serve(t, mux)
	a, b := follow(t, url+"/rooms/a"), follow(t, url+"/rooms/b")
	publish(t, rooms["a"], "to a")
	publish(t, rooms["b"], "to b")
	a.want(`"to a"`)
	b.want(`"to b"`)
	for name, want := range map[string]int{"c": 404, "panic": 500, "none": 500} {
		if resp := follow(t, url+"/rooms/"+name).resp; resp.StatusCode != want || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

// A writer that cannot flush is a mistake of the program's, and is told as one.
func TestStream_NoFlush(t *testing.T) {
	var s httpbridge.Stream[int]
	w := httptest.NewRecorder()
	s.Handler(httpbridge.EventsConfig{}).ServeHTTP(struct{ http.ResponseWriter }{w}, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 500 || w.Result().Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", w.Code, w.Result().Header)
	}
	w = httptest.NewRecorder()
	s.Handler(httpbridge.EventsConfig{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Result().Header.Get("Allow") != "GET" {
		t.Errorf("%d %v", w.Code, w.Result().Header)
	}
}

func TestEvents_WhatCannotBeEncodedIsLeftOut(t *testing.T) {
	var l eventual.Latest[int]
	f := follow(t, serve(t, httpbridge.Events(&l, httpbridge.EventsConfig{View: func(s httpbridge.Seen) any {
		switch s.Value {
		case 1:
			panic("one")
		case 2:
			return make(chan int)
		}
		return s.Value
	}})))
	for i := range 4 {
		l.Set(i)
		if i == 0 || i == 3 {
			f.want(fmt.Sprint(i))
		}
	}
}
