package site

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = &Site{Logger: slog.New(slog.DiscardHandler)}

func do(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// TestVendoredFilesAreUntouched: they are what npm's uplot 1.6.32 has.
func TestVendoredFilesAreUntouched(t *testing.T) {
	for name, want := range map[string]string{
		"uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
		"uPlot.min.css":     "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
		"LICENSE":           "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
	} {
		body, err := assetFiles.ReadFile("assets/uplot/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s: %x", name, sum)
		}
	}
}

// TestAssetsNeedNothingElse: no file refers to another server, and what a page's
// policy forbids is in none.
func TestAssetsNeedNothingElse(t *testing.T) {
	forbidden := regexp.MustCompile(`https?://(?:[^w]|w[^w])|\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write|style="|<script>|\bon[a-z]+="`)
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, "/uplot/") {
			return err
		}
		body, err := assetFiles.ReadFile(name)
		if m := forbidden.FindString(string(body)); m != "" && name != "assets/icon.svg" {
			t.Errorf("%s has %q in it", name, m)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if m := forbidden.FindString(mustRead(t)); m != "" {
		t.Errorf("layout.html has %q in it", m)
	}
}

func mustRead(t *testing.T) string {
	t.Helper()
	body, err := layoutFile.ReadFile("layout.html")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAssets(t *testing.T) {
	h := quiet.Assets()
	for path, kind := range map[string]string{
		"/assets/base.css":                "text/css; charset=utf-8",
		"/assets/live.js":                 "text/javascript; charset=utf-8",
		"/assets/icon.svg":                "image/svg+xml",
		"/assets/uplot/uPlot.iife.min.js": "text/javascript; charset=utf-8",
		"/assets/uplot/LICENSE":           "text/plain; charset=utf-8",
	} {
		resp := do(h, httptest.NewRequest(http.MethodGet, path, nil))
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != kind || len(body) == 0 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		again := httptest.NewRequest(http.MethodGet, path, nil)
		again.Header.Set("If-None-Match", resp.Header.Get("ETag"))
		if resp := do(h, again); resp.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/assets/", "/assets/uplot/", "/assets/../site.go", "/assets/nothing.js"} {
		if resp := do(h, httptest.NewRequest(http.MethodGet, path, nil)); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestPolicy(t *testing.T) {
	h := WithPolicy(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	resp := do(h, httptest.NewRequest(http.MethodGet, "/", nil))
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for site, want := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": http.StatusTeapot, "": http.StatusTeapot} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		if resp := do(h, r); resp.StatusCode != want {
			t.Errorf("POST from %q: %d, want %d", site, resp.StatusCode, want)
		}
	}
}

func TestSession(t *testing.T) {
	var owner string
	h := WithSession(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { owner = Owner(r) }))
	resp := do(h, httptest.NewRequest(http.MethodGet, "/", nil))
	cookies := resp.Cookies()
	if len(cookies) != 1 || cookies[0].Value != owner || len(owner) < 26 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		t.Fatalf("%v, owner %q", cookies, owner)
	}
	first := owner
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(cookies[0])
	if resp := do(h, r); owner != first || len(resp.Cookies()) != 0 {
		t.Errorf("a visitor who has one: %q, %v", owner, resp.Cookies())
	}
	for _, bad := range []string{"short", strings.Repeat("a", 26), "../../../etc/passwd-or-something-long", strings.Repeat("A", 65)} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: cookieName, Value: bad})
		if do(h, r); owner == bad || owner == "" {
			t.Errorf("cookie %q: owner %q", bad, owner)
		}
	}
	bare := httptest.NewRequest(http.MethodGet, "/", nil)
	if got := Client(bare); Owner(bare) != "" || got != "192.0.2.1" {
		t.Errorf("without a cookie: owner %q, client %q", Owner(bare), got)
	}
}

func TestRender(t *testing.T) {
	files := fstest.MapFS{
		"good.html": {Data: []byte(`{{define "content"}}<p>{{.}}</p>{{end}}`)},
		"bad.html":  {Data: []byte(`{{define "content"}}before{{.No.Such.Field}}{{end}}`)},
	}
	good := Page{Path: "/jobs", Title: "A & B", Script: "jobs.js"}.Parse(files, "good.html")
	render := func(p *Page, cookie string, data any) (*http.Response, string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "theme", Value: cookie})
		}
		w := httptest.NewRecorder()
		quiet.Render(w, r, p, data)
		return w.Result(), w.Body.String()
	}
	resp, body := render(good, "dark", "<i>")
	for _, want := range []string{`<p>&lt;i&gt;</p>`, `<title>A &amp; B`, `data-theme="dark"`, `href="/jobs" aria-current="page"`, `src="/assets/jobs.js"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(body, "uPlot") || resp.StatusCode != 200 {
		t.Error("a page without a chart loads what draws them")
	}
	if _, body := render(good, `"><script>`, ""); strings.Contains(body, "data-theme") {
		t.Error("a theme that there is not")
	}
	bad := Page{}.Parse(files, "bad.html")
	if resp, body := render(bad, "", struct{}{}); resp.StatusCode != 500 || strings.Contains(body, "before") {
		t.Errorf("a page that cannot be made: %d %s", resp.StatusCode, body)
	}
}

func TestJSONAndFail(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	quiet.JSON(w, r, 201, map[string]int{"a": 1})
	if w.Code != 201 || w.Body.String() != "{\"a\":1}\n" || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	quiet.JSON(w, r, 200, func() {})
	if w.Code != 500 {
		t.Errorf("what cannot be encoded: %d", w.Code)
	}
	w = httptest.NewRecorder()
	quiet.Fail(w, r, errors.New("the secret"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
