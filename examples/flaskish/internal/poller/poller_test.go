package poller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
	"github.com/trestle-go/trestle/examples/flaskish/internal/feed"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a feed whose answers a test decides.
type script struct {
	answer func(n int) (Fetched, error)
	calls  int
}

func (s *script) fetch(ctx context.Context) *eventual.Result[Fetched] {
	return eventual.Go(ctx, func(context.Context) (Fetched, error) {
		s.calls++
		return s.answer(s.calls)
	})
}

func usd(rate string, more ...string) Fetched {
	d := ecb.Day{Date: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
	for i, c := range append([]string{"USD"}, more...) {
		text := rate
		if i > 0 {
			text = "2"
		}
		d.Rates = append(d.Rates, ecb.Rate{Currency: c, Text: text, Value: decimal.RequireFromString(text)})
	}
	return Fetched{Days: []ecb.Day{d}}
}

// run polls s every 30 s of virtual time and hands the poller and its log to f.
func run(t *testing.T, s *script, f func(p *Poller, log *strings.Builder)) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{Name: "test"})
		r.Start()
		log := new(strings.Builder)
		p := New(r, Config{Source: "script", Every: 30 * time.Second, Fetch: s.fetch, Logger: slog.New(slog.NewTextHandler(log, nil))})
		res := p.Start(context.Background())
		synctest.Wait()
		f(p, log)
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := res.Wait(0); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("the poller ended with %v", err)
		}
	})
}

func latest(t *testing.T, p *Poller) string {
	t.Helper()
	table, _, ok := p.Latest.Load()
	if !ok {
		return "none"
	}
	q, err := table.Quote("USD")
	if err != nil {
		t.Fatal(err)
	}
	return q.Text
}

func TestPollerSetsTheLatest(t *testing.T) {
	s := &script{answer: func(n int) (Fetched, error) {
		if n == 2 {
			return Fetched{Unchanged: true}, nil
		}
		return usd(fmt.Sprintf("1.%d", n)), nil
	}}
	run(t, s, func(p *Poller, _ *strings.Builder) {
		time.Sleep(4 * time.Second) // past the jitter, a tenth of the interval at most
		for _, want := range []string{"1.1", "1.1", "1.3"} {
			if got := latest(t, p); got != want {
				t.Errorf("USD is %s, want %s", got, want)
			}
			_, at, _ := p.Latest.Load()
			if age := time.Since(at); age > 4*time.Second {
				t.Errorf("the value is %v old: an unchanged one counts as fetched", age)
			}
			time.Sleep(30 * time.Second)
			synctest.Wait()
		}
	})
}

func TestPollerKeepsTheLastGoodAndRecovers(t *testing.T) {
	s := &script{answer: func(n int) (Fetched, error) {
		switch {
		case n == 1:
			return usd("1.5"), nil
		case n < 6:
			return Fetched{}, fmt.Errorf("failure %d", n)
		}
		return usd("1.6"), nil
	}}
	run(t, s, func(p *Poller, log *strings.Builder) {
		time.Sleep(34 * time.Second)
		synctest.Wait()
		h, _, _ := p.Health.Load()
		if !h.Failing || h.Error != "failure 2" || latest(t, p) != "1.5" {
			t.Errorf("health %+v, USD %s", h, latest(t, p))
		}
		time.Sleep(10 * time.Minute) // far beyond all four failures
		synctest.Wait()
		if h, _, _ := p.Health.Load(); h.Failing || latest(t, p) != "1.6" {
			t.Errorf("not recovered: %+v, USD %s", h, latest(t, p))
		}
		if n := strings.Count(log.String(), "feed fails"); n != 1 {
			t.Errorf("logged %d times that the feed fails:\n%s", n, log)
		}
		if n := strings.Count(log.String(), "works again"); n != 1 {
			t.Errorf("logged %d times that it works again", n)
		}
	})
}

func TestPollerBacksOff(t *testing.T) {
	s := &script{answer: func(int) (Fetched, error) { return Fetched{}, errors.New("down") }}
	run(t, s, func(p *Poller, _ *strings.Builder) {
		time.Sleep(time.Hour)
		synctest.Wait()
		// Back-off goes to ten intervals, of which at least half is waited.
		if s.calls < 12 || s.calls > 40 {
			t.Errorf("%d fetches in an hour of failure, want far fewer than 120", s.calls)
		}
		if latest(t, p) != "none" {
			t.Error("a value came from nowhere")
		}
	})
}

// TestPollerLeavesTheECBAlone: neither jitter nor a retry nor the return into phase
// after one brings two fetches closer together than the least interval.
func TestPollerLeavesTheECBAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{Name: "test"})
		r.Start()
		var asked []time.Time
		fetch := func(context.Context) *eventual.Result[Fetched] {
			asked = append(asked, time.Now())
			if len(asked)%4 > 1 {
				return eventual.Failed[Fetched](errors.New("down"))
			}
			return eventual.Of(usd("1.5"))
		}
		p := New(r, Config{
			Source: "ecb", Every: ECBInterval, Least: Least(ecb.DailyURL), Fetch: fetch,
			Logger: slog.New(slog.DiscardHandler),
		})
		p.Start(context.Background())
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if len(asked) < 48 {
			t.Errorf("%d fetches in two days", len(asked))
		}
		for i := 1; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-1]); gap < ECBInterval {
				t.Errorf("fetch %d came %v after the one before, want at least %v", i, gap, ECBInterval)
			}
		}
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestPollerKeepsACurrencyThatDisappears(t *testing.T) {
	s := &script{answer: func(n int) (Fetched, error) {
		if n == 1 {
			return usd("1.1", "BGN"), nil
		}
		return usd("1.2"), nil
	}}
	run(t, s, func(p *Poller, log *strings.Builder) {
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		table, _, _ := p.Latest.Load()
		if q, err := table.Quote("BGN"); err != nil || q.Text != "2" {
			t.Errorf("BGN: %+v, %v", q, err)
		}
		if n := strings.Count(log.String(), "BGN"); n != 1 {
			t.Errorf("logged %d times", n)
		}
	})
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		feed        string
		every, want time.Duration
	}{
		{ecb.DailyURL, time.Second, ECBInterval},
		{ecb.DailyURL, time.Hour, time.Hour},
		{"http://127.0.0.1/x", time.Second, time.Second},
		{"https://notecb.europa.eu/", time.Second, time.Second},
	} {
		if got := Interval(c.feed, c.every); got != c.want {
			t.Errorf("%s every %v: %v, want %v", c.feed, c.every, got, c.want)
		}
	}
}

func TestHTTPFetch(t *testing.T) {
	replay, err := feed.NewReplay()
	if err != nil {
		t.Fatal(err)
	}
	var broken atomic.Value // func(http.ResponseWriter), or none
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f, ok := broken.Load().(func(http.ResponseWriter)); ok && f != nil {
			f(w)
			return
		}
		replay.ServeHTTP(w, r)
	}))
	defer srv.Close()
	client := &httpbridge.Client{Retries: -1}
	defer client.CloseIdleConnections()
	get := HTTPFetch(client, srv.URL+feed.Path)
	fetch := func(ctx context.Context) (Fetched, error) { return get(ctx).WaitContext(ctx) }
	for i := range 3 {
		got, err := fetch(context.Background())
		if want := replay.Days()[i]; err != nil || !got.Days[0].Date.Equal(want.Date) || got.Days[0].Rates[0].Text != want.Rates[0].Text {
			t.Fatalf("day %d: %+v, %v", i, got, err)
		}
	}
	for name, f := range map[string]func(http.ResponseWriter){
		"500":       func(w http.ResponseWriter) { w.WriteHeader(500) },
		"page":      func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>sorry</html>") },
		"truncated": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "999"); _, _ = io.WriteString(w, "<a") },
		"future": func(w http.ResponseWriter) {
			d := replay.Days()[0]
			d.Date = time.Now().AddDate(0, 0, 7)
			_ = d.Write(w)
		},
	} {
		broken.Store(f)
		if got, err := fetch(context.Background()); err == nil {
			t.Errorf("%s: accepted as %v", name, got)
		}
	}
	broken.Store(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotModified) })
	if got, err := fetch(context.Background()); err != nil || !got.Unchanged {
		t.Errorf("304: %v, %v", got, err)
	}
}
