package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/threadpool"
)

// chiServer has chi route to every kind of handler that httpbridge has: they are
// plain http.Handlers, and chi's middleware wraps the response writer of each.
type chiServer struct {
	*httptest.Server
	latest  eventual.Latest[string]
	stream  httpbridge.Stream[string]
	release chan struct{} // closed to let jobs end
}

func newChi(t *testing.T) *chiServer {
	log := slog.New(slog.DiscardHandler)
	pool, err := threadpool.New(threadpool.Config{Name: "chi", Max: 2, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := httpbridge.NewResources(httpbridge.ResourcesConfig{Path: "/jobs/", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	s := &chiServer{release: make(chan struct{})}
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: slog.NewLogLogger(log.Handler(), slog.LevelInfo), NoColor: true}))
	r.Method(http.MethodGet, "/hello/{name}", httpbridge.Handler(func(r *http.Request) *eventual.Result[string] {
		name := r.PathValue("name")
		return threadpool.DeferToThread(r.Context(), pool, func(context.Context) (string, error) { return "hello " + name, nil })
	}, httpbridge.HandlerConfig{Logger: log}))
	r.Method(http.MethodPost, "/jobs", httpbridge.Handler(func(r *http.Request) *eventual.Result[int] {
		return threadpool.DeferToThread(r.Context(), pool, func(ctx context.Context) (int, error) {
			select {
			case <-s.release:
			case <-ctx.Done():
			}
			return 42, ctx.Err()
		})
	}, httpbridge.HandlerConfig{Async: true, Resources: kept, Logger: log}))
	r.Handle("/jobs/*", kept)
	r.Method(http.MethodGet, "/latest", httpbridge.Latest(&s.latest, httpbridge.LatestConfig{Logger: log}))
	r.Method(http.MethodGet, "/latest/events", httpbridge.Events(&s.latest, httpbridge.EventsConfig{Logger: log}))
	r.Method(http.MethodGet, "/stream", s.stream.Handler(httpbridge.EventsConfig{History: 1, Logger: log}))
	r.Group(func(r chi.Router) {
		r.Use(httpbridge.Middleware(pool, httpbridge.PoolConfig{Logger: log}))
		r.Get("/pooled/{name}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "pooled "+chi.URLParam(r, "name"))
		})
	})
	s.Server = httptest.NewUnstartedServer(r)
	httpbridge.EndOnShutdown(s.Config)
	s.Start()
	t.Cleanup(func() {
		s.stream.Close()
		kept.Close()
		s.Close()
		if err := pool.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *chiServer) send(t *testing.T, method, path string) (status int, body string, h http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(got)), resp.Header
}

func TestChi(t *testing.T) {
	s := newChi(t)
	s.latest.Set("now")
	for path, want := range map[string]string{"/hello/ada": `"hello ada"`, "/pooled/bob": "pooled bob", "/latest": `"now"`} {
		if status, body, _ := s.send(t, http.MethodGet, path); status != 200 || body != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _, _ := s.send(t, http.MethodPost, "/latest"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
}

func TestChiResources(t *testing.T) {
	s := newChi(t)
	status, body, h := s.send(t, http.MethodPost, "/jobs")
	location := h.Get("Location")
	if status != http.StatusAccepted || location == "" {
		t.Fatalf("%d %s", status, body)
	}
	if status, body, _ := s.send(t, http.MethodGet, location); status != http.StatusAccepted {
		t.Errorf("under way: %d %s", status, body)
	}
	close(s.release)
	for end := time.Now().Add(patience); status == http.StatusAccepted; {
		if status, body, _ = s.send(t, http.MethodGet, location); time.Now().After(end) {
			break
		}
	}
	if status != 200 || body != "42" {
		t.Errorf("done: %d %s", status, body)
	}
	if status, _, _ := s.send(t, http.MethodDelete, location); status != http.StatusNoContent {
		t.Errorf("DELETE: %d", status)
	}
	if status, _, _ := s.send(t, http.MethodGet, "/jobs/AAAAAAAAAAAAAAAAAAAAAAAAAA"); status != http.StatusNotFound {
		t.Errorf("unknown: %d", status)
	}
}

func TestChiStreams(t *testing.T) {
	s := newChi(t)
	s.latest.Set("now")
	if err := s.stream.Publish("now"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/latest/events", "/stream"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for lines := bufio.NewScanner(resp.Body); got == "" && lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &got); err != nil {
					t.Errorf("%s: %s: %v", path, data, err)
				}
			}
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || got != "now" {
			t.Errorf("%s: %d %q", path, resp.StatusCode, got)
		}
	}
}
