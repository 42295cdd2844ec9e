package status

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var log = slog.New(slog.DiscardHandler)

// watch returns a Status of components that stop with the test.
func watch(t *testing.T) *Status {
	r := reactor.New(reactor.Config{Name: "status", Logger: log, StallThreshold: -1})
	r.Start()
	threads, err := threadpool.New(threadpool.Config{Name: "jobs", Max: 3})
	if err != nil {
		t.Fatal(err)
	}
	processes, err := procpool.New(procpool.Config{Max: 2, InProcess: true, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	s := New(&site.Site{Logger: log}, Sources{
		Reactor: r, Threads: []*threadpool.Pool{threads}, Processes: processes, Cooperator: coiterate.New(r, coiterate.Config{}),
		Resources: func() httpbridge.ResourcesStats { return httpbridge.ResourcesStats{Pending: 4} },
	})
	s.Start(context.Background())
	t.Cleanup(func() {
		for _, stop := range []func(context.Context) error{threads.Stop, processes.Stop, r.Stop} {
			if err := stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func TestSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := watch(t)
		time.Sleep(10*sampleEvery + sampleEvery/2)
		// A callback that blocks, which none should, is seen as lag of that long.
		if err := s.from.Reactor.Call(func() { time.Sleep(3 * probeEvery) }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(sampleEvery)
		synctest.Wait()
		now, _, ok := s.latest.Load()
		if !ok || now.Reactor.State != "running" || now.Threads[0].Max != 3 || now.Processes.Max != 2 || now.Results.Pending != 4 || now.Runtime.Heap == 0 {
			t.Errorf("%+v", now)
		}
		if n := len(now.Past); n < 11 {
			t.Errorf("%d samples after eleven seconds", n)
		}
		worst := 0.0
		for _, p := range now.Past {
			worst = max(worst, p.Lag)
		}
		if want := ms(3 * probeEvery); worst < want-ms(probeEvery) || worst > want {
			t.Errorf("worst lag %v ms, want about %v", worst, want)
		}
		time.Sleep(2 * kept * sampleEvery)
		synctest.Wait()
		if now, _, _ := s.latest.Load(); len(now.Past) != kept {
			t.Errorf("%d samples are kept, want %d", len(now.Past), kept)
		}
	})
}

func TestPageAndStream(t *testing.T) {
	s := watch(t)
	mux := http.NewServeMux()
	s.Register(mux)
	srv := httptest.NewUnstartedServer(site.WithPolicy(mux))
	httpbridge.EndOnShutdown(srv.Config)
	srv.Start()
	defer srv.Close()
	if _, err := s.latest.Next().Wait(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/status", "/api/status"} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
		resp.Body.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api/status/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var at []time.Time
	for len(at) < 2 && lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var snap Snapshot
			if err := json.Unmarshal([]byte(data), &snap); err != nil {
				t.Fatal(err)
			}
			at = append(at, snap.At)
		}
	}
	if len(at) < 2 || !at[1].After(at[0]) {
		t.Errorf("snapshots at %v", at)
	}
}
