package httpbridge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type price struct {
	Amount string    `json:"amount"`
	Of     time.Time `json:"of"`
}

func (p price) DataTime() time.Time { return p.Of }

func get(t *testing.T, h http.Handler, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestLatest_H05_BeforeTheFirstValue(t *testing.T) {
	var l eventual.Latest[price]
	resp := get(t, httpbridge.Latest(&l, httpbridge.LatestConfig{RetryAfter: 1500 * time.Millisecond}))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	var doc map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || doc["status"] != 503.0 || doc["type"] != "about:blank" || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("problem %v, %v", doc, err)
	}
}

func TestLatest_H05_ConditionalRequests(t *testing.T) {
	var l eventual.Latest[price]
	h := httpbridge.Latest(&l, httpbridge.LatestConfig{MaxAge: 10 * time.Second})
	l.Set(price{Amount: "1.10"})
	first := get(t, h)
	tag := first.Header.Get("ETag")
	if body, _ := io.ReadAll(first.Body); first.StatusCode != 200 || string(body) != "{\"amount\":\"1.10\",\"of\":\"0001-01-01T00:00:00Z\"}\n" {
		t.Errorf("%d %s", first.StatusCode, body)
	}
	if tag == "" || tag[0] != '"' || first.Header.Get("Last-Modified") == "" || first.Header.Get("Cache-Control") != "max-age=10" || first.Header.Get("Stale") != "" {
		t.Errorf("headers %v", first.Header)
	}
	l.Set(price{Amount: "1.10"}) // fetched again, and the same
	if resp := get(t, h, "If-None-Match", tag); resp.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged: %d", resp.StatusCode)
	}
	l.Set(price{Amount: "1.11"})
	if resp := get(t, h, "If-None-Match", tag); resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") == tag {
		t.Errorf("changed: %d, %s", resp.StatusCode, resp.Header.Get("ETag"))
	}
}

func TestLatest_H05_OverTheNetwork(t *testing.T) {
	var l eventual.Latest[int]
	l.Set(1)
	_, at, _ := l.Load()
	url := serve(t, httpbridge.Latest(&l, httpbridge.LatestConfig{}))
	first := ask(url)
	tag := first.header.Get("ETag")
	if first.status != 200 || first.body != "1\n" || len(tag) < 10 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		t.Errorf("%+v", first)
	}
	for match, status := range map[string]int{tag: 304, "W/" + tag: 304, `"a", ` + tag: 304, "*": 304, `"a"`: 200, strings.Trim(tag, `"`): 200} {
		req, _ := http.NewRequest(http.MethodGet, url, nil)
		req.Header.Set("If-None-Match", match)
		a := send(req)
		if a.status != status || (a.body == "") != (status == 304) {
			t.Errorf("%s: %+v", match, a)
		}
		for name, want := range map[string]string{"ETag": tag, "Last-Modified": at.UTC().Format(http.TimeFormat), "Cache-Control": "no-cache"} {
			got := a.header.Get(name)
			if mayLack := status == 304 && name == "Last-Modified"; got != want && (got != "" || !mayLack) {
				t.Errorf("%s: %s is %q, want %q", match, name, got, want)
			}
		}
		if age, err := strconv.Atoi(a.header.Get("Age")); err != nil || age < 0 {
			t.Errorf("%s: Age %q", match, a.header.Get("Age"))
		}
	}
}

func TestLatest_H05_CachesAndClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		h := httpbridge.Latest(&l, httpbridge.LatestConfig{MaxAge: 10 * time.Second})
		l.Set(1)
		modified := get(t, h).Header.Get("Last-Modified")
		time.Sleep(300 * time.Millisecond)
		l.Set(2) // within the same second
		if resp := get(t, h, "If-Modified-Since", modified); resp.StatusCode != http.StatusOK {
			t.Errorf("a changed value: %d", resp.StatusCode)
		}
		time.Sleep(20 * time.Second)
		if resp := get(t, h); resp.Header.Get("Age") != "20" || resp.Header.Get("Cache-Control") != "max-age=30" {
			t.Errorf("may not be kept at all: %v", resp.Header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
		if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("ETag") == "" {
			t.Errorf("HEAD: %d, %q", w.Code, w.Body)
		}
	})
}

func TestLatest_H05_TwoKindsOfStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[price]
		h := httpbridge.Latest(&l, httpbridge.LatestConfig{
			StaleAfter: time.Minute, DataStaleAfter: time.Hour,
			View: func(s httpbridge.Seen) any { return fmt.Sprint(s.Stale) },
		})
		for _, c := range []struct {
			age, wait    time.Duration
			stale, shown string
		}{
			{0, 0, "", "[]"},
			{2 * time.Hour, 0, "data", "[data]"},
			{0, 2 * time.Minute, "poll", "[poll]"},
			{2 * time.Hour, 2 * time.Minute, "poll, data", "[poll data]"},
		} {
			l.Set(price{Of: time.Now().Add(-c.age)})
			time.Sleep(c.wait)
			resp := get(t, h)
			var shown string
			_ = json.NewDecoder(resp.Body).Decode(&shown)
			if got := resp.Header.Get("Stale"); got != c.stale || shown != c.shown || resp.Header.Get("Age") != fmt.Sprint(int(c.wait.Seconds())) {
				t.Errorf("stale %q, want %q; shown %q, Age %s", got, c.stale, shown, resp.Header.Get("Age"))
			}
		}
	})
}

func TestLatest_H01_EncodingErrorIsAClean500(t *testing.T) {
	var l eventual.Latest[float64]
	l.Set(math.Inf(1))
	resp := get(t, httpbridge.Latest(&l, httpbridge.LatestConfig{}))
	if resp.StatusCode != http.StatusInternalServerError || resp.Header.Get("ETag") != "" {
		t.Errorf("%d, ETag %q", resp.StatusCode, resp.Header.Get("ETag"))
	}
}

func TestLatest_OtherMethods(t *testing.T) {
	var l eventual.Latest[int]
	l.Set(1)
	w := httptest.NewRecorder()
	httpbridge.Latest(&l, httpbridge.LatestConfig{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("%d", w.Code)
	}
}

func TestProblem(t *testing.T) {
	w := httptest.NewRecorder()
	p := &httpbridge.Problem{Status: 404, Detail: "No such thing.", Extensions: map[string]any{"thing": "x", "status": 1, "detail": "no"}}
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	var doc map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc["status"] != 404.0 || doc["thing"] != "x" || doc["detail"] != "No such thing." || doc["title"] != "Not Found" {
		t.Errorf("%v, %v", doc, err)
	}
	if p.Error() != "404 Not Found: No such thing." {
		t.Error(p.Error())
	}
	w = httptest.NewRecorder()
	(&httpbridge.Problem{Status: 200, Extensions: map[string]any{"bad": math.NaN()}}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 500 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func ExampleLatest() {
	var rate eventual.Latest[string]
	h := httpbridge.Latest(&rate, httpbridge.LatestConfig{})

	ask := func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	ask()
	rate.Set("1.0705")
	ask()
	// Output:
	// 503 application/problem+json
	// 200 application/json
}
