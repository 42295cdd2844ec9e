package download

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/feed"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is what is fetched; a test says when it comes.
type source struct {
	begun  []*eventual.Result[Archive]
	settle []func(Archive, error) bool
	ended  int // of those that were begun, by a cancel
}

func (s *source) fetch(context.Context) *eventual.Result[Archive] {
	res, settle := eventual.New[Archive](func() { s.ended++ })
	s.begun, s.settle = append(s.begun, res), append(s.settle, settle)
	return res
}

type visitor struct {
	t   *testing.T
	c   *http.Client
	url string
}

func newSite(t *testing.T) (*source, *Download, func() *visitor) {
	src := new(source)
	d := New(&site.Site{Logger: slog.New(slog.DiscardHandler)}, src.fetch)
	srv := httptest.NewServer(d.Handler())
	t.Cleanup(func() { srv.Close(); d.Close() })
	return src, d, func() *visitor {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &visitor{t, &http.Client{Jar: jar, Transport: srv.Client().Transport}, srv.URL + "/download"}
	}
}

// visit loads the page, which must say want.
func (v *visitor) visit(want string) {
	v.t.Helper()
	resp, err := v.c.Get(v.url)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), want) {
		v.t.Errorf("%d, %v, want %q:\n%s", resp.StatusCode, err, want, body)
	}
}

func TestALaterVisitShowsWhatTheFirstStarted(t *testing.T) {
	src, d, newVisitor := newSite(t)
	ada, bob := newVisitor(), newVisitor()
	ada.visit(">Started<")
	ada.visit(">Not there yet<")
	ada.visit(">Not there yet<")
	bob.visit(">Started<")
	if len(src.begun) != 2 {
		t.Fatalf("%d fetches by two visitors", len(src.begun))
	}
	src.settle[0](Archive{Bytes: 12345, Days: 61}, nil)
	ada.visit("12 kB")
	bob.visit(">Not there yet<")
	if n := d.stash.Len(); n != 1 {
		t.Errorf("%d results are kept, one is still to come", n)
	}
	ada.visit(">Started<") // it was the only copy
}

func TestAFailureIsToldOnceAndTriedAgain(t *testing.T) {
	src, _, newVisitor := newSite(t)
	v := newVisitor()
	v.visit(">Started<")
	src.settle[0](Archive{}, errors.New("the secret reason"))
	resp, err := v.c.Get(v.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "The download failed") || strings.Contains(string(body), "secret") {
		t.Errorf("%s", body)
	}
	v.visit(">Started<")
}

func TestAnotherVisitorsCookieFindsNothing(t *testing.T) {
	src, _, newVisitor := newSite(t)
	ada, eve := newVisitor(), newVisitor()
	ada.visit(">Started<")
	eve.visit(">Started<")
	req, err := http.NewRequest(http.MethodGet, ada.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ada.c.Jar.Cookies(req.URL) {
		if c.Name == cookieName {
			c.Path = cookiePath
			eve.c.Jar.SetCookies(req.URL, []*http.Cookie{c})
		}
	}
	src.settle[0](Archive{Bytes: 12345}, nil)
	eve.visit(">Started<")
	ada.visit("12 kB")
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	src, d, newVisitor := newSite(t)
	v := newVisitor()
	v.visit(">Started<")
	d.Close()
	if src.ended != 1 {
		t.Errorf("%d fetches ended", src.ended)
	}
	src.settle[0](Archive{}, eventual.ErrCanceled)
	v.visit(`"status":503`)
}

func TestSummarize(t *testing.T) {
	replay, err := feed.NewReplay()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	replay.ServeHTTP(w, httptest.NewRequest(http.MethodGet, feed.HistoryPath, nil))
	a, err := Summarize(w.Body.Bytes(), time.Second)
	if err != nil || a.Days != 61 || a.From.Format(time.DateOnly) != "2012-10-29" || a.To.Format(time.DateOnly) != "2013-01-24" {
		t.Fatalf("%+v, %v", a, err)
	}
	for _, r := range a.Rows {
		if r.Quote.Currency != "USD" {
			continue
		}
		if r.First != "1.2898" || r.Quote.Text != "1.3349" || r.Low != "1.2694" || r.High != "1.3368" || r.Change != "+3.50" || strings.Count(r.Line, ",") != 61 {
			t.Errorf("%+v", r)
		}
	}
	if _, err := Summarize([]byte("<html>sorry</html>"), 0); err == nil {
		t.Error("a page was taken for a history")
	}
	day := replay.Days()[0]
	var one bytes.Buffer
	if err := day.Write(&one); err != nil {
		t.Fatal(err)
	}
	if a, err := Summarize(one.Bytes(), 0); err != nil || a.Days != 1 || a.Rows[0].Line != "0.0,12.0" {
		t.Errorf("a single day: %+v, %v", a, err)
	}
}
