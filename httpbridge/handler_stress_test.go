package httpbridge_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

// TestHandler_Stress: whatever clients do, all work comes to an end, nothing stays
// counted, and a response that is there is the right one.
func TestHandler_Stress(t *testing.T) {
	var running atomic.Int64
	jobs, err := httpbridge.NewResources(httpbridge.ResourcesConfig{Path: "/jobs/", Max: 20, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	limit := &httpbridge.ClientLimit{Max: 12}
	work := func(r *http.Request) *eventual.Result[string] {
		body, read := r.Body, rand.N(2) == 0
		return eventual.Go(r.Context(), func(ctx context.Context) (string, error) {
			running.Add(1)
			defer running.Add(-1)
			if read {
				if _, err := io.Copy(io.Discard, body); err != nil {
					return "", err
				}
			}
			select {
			case <-time.After(rand.N(10 * time.Millisecond)):
				return "done", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/jobs/", jobs)
	mux.Handle("/", httpbridge.Handler(work, httpbridge.HandlerConfig{
		Timeout: 8 * time.Millisecond, Limit: limit, Resources: jobs, ReadAhead: 1000, Logger: quiet,
	}))
	url := serve(t, mux)
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	defer transport.CloseIdleConnections()

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 40 {
				stressOnce(t, transport, url)
			}
		})
	}
	wg.Wait()
	await(t, func() bool { return running.Load() == 0 })
	await(t, func() bool { // an exchange may end a little later than its client sees
		s := jobs.Stats()
		return s.Pending == 0 && s.Counted == s.Finished
	})
	await(t, func() bool { // nobody is counted any more
		refused := false
		for range 12 {
			resp, err := (&http.Client{Transport: transport}).Get(url)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			refused = refused || resp.StatusCode == http.StatusTooManyRequests
		}
		return !refused
	})
}

// stressOnce sends one request of some kind and follows what it leads to.
func stressOnce(t *testing.T, transport http.RoundTripper, url string) {
	ctx, leave := context.WithTimeout(context.Background(), patience)
	defer leave()
	if rand.N(3) == 0 {
		time.AfterFunc(rand.N(6*time.Millisecond), leave)
	}
	req, _ := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(strings.Repeat("x", rand.N(5000))))
	req.Header.Set("Prefer", []string{"", "respond-async", "respond-async, wait=1", "wait=0"}[rand.N(4)])
	resp, err := transport.RoundTrip(req)
	if err != nil {
		// A cancel may also be that of the request before on the same connection.
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		return
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	switch {
	case err != nil:
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case resp.StatusCode == 200:
		if string(text) != "\"done\"\n" {
			t.Errorf("%q", text)
		}
	case resp.StatusCode == 202:
		req, _ := http.NewRequestWithContext(ctx, []string{"GET", "DELETE"}[rand.N(2)], url+resp.Header.Get("Location"), nil)
		req.Header.Set("Prefer", "wait=20")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return
		}
		resp.Body.Close()
		if resp.StatusCode != 200 && resp.StatusCode != 204 && resp.StatusCode != 500 { // 500: its body was cut off
			t.Errorf("resource: %d", resp.StatusCode)
		}
	case resp.StatusCode != 429 && resp.StatusCode != 503 && resp.StatusCode != 504 && resp.StatusCode != 500:
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}
