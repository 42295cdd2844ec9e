package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testSite is the real site over real HTTP, with a feed that a test breaks.
type testSite struct {
	*httptest.Server
	broken atomic.Bool
	app    *App
}

func newSite(t *testing.T, broken bool) *testSite {
	s := new(testSite)
	s.broken.Store(broken)
	day := ecb.Day{Date: time.Date(2013, 1, 24, 0, 0, 0, 0, time.UTC)}
	for _, r := range [][2]string{{"USD", "1.3349"}, {"JPY", "119.73"}, {"HUF", "395.10"}} {
		day.Rates = append(day.Rates, ecb.Rate{Currency: r[0], Text: r[1], Value: decimal.RequireFromString(r[1])})
	}
	log := slog.New(slog.DiscardHandler)
	r := reactor.New(reactor.Config{Name: "web", Logger: log})
	r.Start()
	p := poller.New(r, poller.Config{Source: "test", Every: 10 * time.Millisecond, Logger: log, Fetch: func(context.Context) *eventual.Result[poller.Fetched] {
		if s.broken.Load() {
			return eventual.Failed[poller.Fetched](errors.New("broken <for the test>"))
		}
		return eventual.Of(poller.Fetched{Days: []ecb.Day{day}})
	}})
	p.Start(context.Background())
	s.app = &App{Site: &site.Site{Logger: log}, Rates: p, Every: time.Hour}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", s.app.Site.Assets())
	mux.HandleFunc("GET /", s.app.Site.NotFound)
	s.app.Register(mux)
	s.Server = httptest.NewUnstartedServer(site.WithPolicy(mux))
	httpbridge.EndOnShutdown(s.Config)
	s.Start()
	t.Cleanup(func() {
		s.Close()
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if !broken {
		if _, err := p.Latest.Next().Wait(10 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *testSite) get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	resp, err := s.Client().Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestAPI(t *testing.T) {
	s := newSite(t, false)
	for _, c := range []struct {
		path   string
		status int
		want   map[string]any
	}{
		{"/api/rates/USD", 200, map[string]any{"base": "EUR", "currency": "USD", "rate": "1.3349", "as_of": "2013-01-24", "source": "test"}},
		{"/api/rates/huf", 200, map[string]any{"rate": "395.10"}},
		{"/api/convert?from=USD&to=JPY&amount=100", 200, map[string]any{"rate": "89.6921", "result": "8969.21", "as_of": "2013-01-24"}},
		{"/api/rates/ZZZ", 404, map[string]any{"title": "Unknown currency", "status": 404.0, "currency": "ZZZ"}},
		{"/api/convert?from=USD&to=ZZZ&amount=1", 404, map[string]any{"currency": "ZZZ"}},
		{"/api/convert?from=USD&to=JPY&amount=-1", 400, map[string]any{"title": "Bad amount"}},
		{"/api/convert?from=USD&to=JPY", 400, map[string]any{"parameter": "amount"}},
		{"/api/convert?from=USD&from=JPY&to=JPY&amount=1", 400, map[string]any{"parameter": "from"}},
		{"/nothing", 404, map[string]any{"status": 404.0}},
	} {
		resp, body := s.get(t, c.path)
		var got map[string]any
		if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != c.status {
			t.Errorf("%s: %d %s, %v", c.path, resp.StatusCode, body, err)
			continue
		}
		if problem := resp.Header.Get("Content-Type") == "application/problem+json"; problem != (c.status >= 400) {
			t.Errorf("%s: %s", c.path, resp.Header.Get("Content-Type"))
		}
		for name, want := range c.want {
			if got[name] != want {
				t.Errorf("%s: %s is %v, want %v", c.path, name, got[name], want)
			}
		}
	}
}

func TestTable(t *testing.T) {
	s := newSite(t, false)
	resp, body := s.get(t, "/api/rates")
	var table tableView
	if err := json.Unmarshal([]byte(body), &table); err != nil || table.Rates["JPY"].Rate != "119.73" || table.Base != "EUR" {
		t.Errorf("%s, %v", body, err)
	}
	if got := resp.Header.Get("Stale"); got != "data" { // of 2013, and freshly fetched
		t.Errorf("stale: %q", got)
	}
	if resp.Header.Get("ETag") == "" {
		t.Error("no ETag")
	}
}

// next returns the next table of the stream.
func next(t *testing.T, lines *bufio.Scanner) (v tableView) {
	t.Helper()
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), &v); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			return v
		}
	}
	t.Fatalf("the stream ended: %v", lines.Err())
	return v
}

func TestEventsTellOfRatesAndOfTheFeed(t *testing.T) {
	s := newSite(t, false)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/rates/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if v := next(t, lines); v.Rates["JPY"].Rate != "119.73" || v.AsOf != "2013-01-24" || !slices.Equal(v.StaleReason, []string{"data"}) || v.FailingSince != "" {
		t.Errorf("%+v", v)
	}
	s.broken.Store(true)
	for v := (tableView{}); v.FailingSince == ""; {
		if v = next(t, lines); v.Rates["JPY"].Rate != "119.73" {
			t.Fatalf("the last good rates are gone: %+v", v)
		}
	}
	s.broken.Store(false)
	for v := (tableView{freshness: freshness{FailingSince: "x"}}); v.FailingSince != ""; {
		v = next(t, lines)
	}
}

func TestHistory(t *testing.T) {
	s := newSite(t, false)
	if resp, body := s.get(t, "/api/rates/usd/history"); resp.StatusCode != 200 || body != `{"base":"EUR","currency":"USD","points":[{"date":"2013-01-24","rate":"1.3349"}]}`+"\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := s.get(t, "/api/rates/ZZZ/history"); resp.StatusCode != 404 {
		t.Errorf("unknown: %d", resp.StatusCode)
	}
}

func TestBeforeTheFirstRates(t *testing.T) {
	s := newSite(t, true)
	for _, path := range []string{"/api/rates", "/api/rates/USD", "/api/convert?from=USD&to=JPY&amount=1"} {
		resp, body := s.get(t, path)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, `"status":503`) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if resp, body := s.get(t, "/"); resp.StatusCode != 200 || !strings.Contains(body, "no rates yet") {
		t.Errorf("page: %d", resp.StatusCode)
	}
}

func TestPageSaysSinceWhenItIsStale(t *testing.T) {
	s := newSite(t, false)
	if _, body := s.get(t, "/"); !strings.Contains(body, `role="status" hidden`) || !strings.Contains(body, ">1.3349<") {
		t.Error("the fresh page has a banner, or no rates")
	}
	changed := s.app.Rates.Health.Next()
	s.broken.Store(true)
	report, err := changed.Wait(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, body := s.get(t, "/")
	if want := "cannot be read since " + report.Since.UTC().Format("15:04:05"); !strings.Contains(body, want) || !strings.Contains(body, ">1.3349<") {
		t.Errorf("the page does not say %q, or lost its rates", want)
	}
	if _, body := s.get(t, "/api/rates/USD"); !strings.Contains(body, `"failing_since"`) {
		t.Error(body)
	}
	changed = s.app.Rates.Health.Next()
	s.broken.Store(false)
	if report, err := changed.Wait(10 * time.Second); err != nil || report.Failing {
		t.Errorf("no recovery: %+v, %v", report, err)
	}
}

func TestPageConvertsAndEscapes(t *testing.T) {
	s := newSite(t, false)
	if _, body := s.get(t, "/?from=USD&to=JPY&amount=100"); !strings.Contains(body, "100 USD = 8969.21 JPY") {
		t.Error("no result on the page")
	}
	resp, body := s.get(t, "/?from=USD&to=JPY&amount=%3Cscript%3E")
	if strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Error("the amount is not escaped")
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy %q", csp)
	}
	if resp, _ := s.get(t, "/assets/"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the directory: %d", resp.StatusCode)
	}
	if resp, err := s.Client().Post(s.URL+"/api/rates", "", nil); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	for _, asset := range []string{"/assets/base.css", "/assets/rates.css", "/assets/rates.js"} {
		if resp, _ := s.get(t, asset); resp.StatusCode != 200 {
			t.Errorf("%s: %d", asset, resp.StatusCode)
		}
	}
}
