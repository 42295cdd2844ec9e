package httpbridge

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func typesOf(t testing.TB, contentTypes ...string) encoders {
	t.Helper()
	es := make([]Encoder, len(contentTypes))
	for i, c := range contentTypes {
		es[i] = Encoder{c, encodeText}
	}
	all, err := newEncoders(es)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAccept_H01_Negotiation(t *testing.T) {
	all := typesOf(t, "application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8")
	for _, c := range []struct {
		accept, want string
	}{
		{"", "application/json"},
		{"*/*", "application/json"},
		{"text/plain", "text/plain"},
		{"TEXT/Plain", "text/plain"},
		{"text/*", "text/plain"},
		{"text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "text/html"},
		{"application/json;q=0.5, text/html;q=0.9", "text/html"},
		{"application/json;q=0.5, text/html;q=0.5", "application/json"}, // ours breaks a tie
		{"text/html;q=0.001", "text/html"},
		{"application/json;q=0, */*", "text/plain"},
		{"application/json;q=0, */*;q=0.1, text/*;q=0.2, text/plain;q=0.05", "text/html"},
		{"*/*;q=0, text/html", "text/html"},
		{"application/json; charset=utf-8", "application/json"},
		{`application/json; note="a, text/html;q=1"; q=0.2, text/plain;q=0.3`, "text/plain"},
		{"application/json;q=1.000, text/html;q=0.999", "application/json"},
		{"application/json;Q=0.3, text/html; q=0.4", "text/html"},
		{"application/json;q=nonsense, text/html;q=0.9", "application/json"},
		{"application/json;q=NaN, text/html;q=0.9", "application/json"},
		{"application/json;q=0.3;ext=1, text/html;q=0.2", "application/json"},
		{"garbage", "application/json"}, // says nothing that makes sense
		{"*/html", "application/json"},
		{",,, ;q=1,", "application/json"},
		{"garbage, text/html", "text/html"},

		// Excluded: all of it, or all that there is.
		{"image/png", ""},
		{"*/*;q=0", ""},
		{"text/*;q=0.0, application/*;q=0.000", ""},
		{"application/json;q=0, text/plain;q=0, text/html;q=0", ""},
	} {
		got := ""
		if e := all.choose(strings.Split(c.accept, "\n")); e != nil {
			got, _, _ = strings.Cut(e.ContentType, ";")
		}
		if got != c.want {
			t.Errorf("Accept %q: %q, want %q", c.accept, got, c.want)
		}
	}
	if e := all.choose(nil); e.ContentType != "application/json" {
		t.Errorf("no header: %s", e.ContentType)
	}
	if e := all.choose([]string{"application/json;q=0.1", "text/html;q=0.2"}); e.ContentType != "text/html; charset=utf-8" {
		t.Errorf("two headers: %s", e.ContentType)
	}
	many := typesOf(t, "a/1", "a/2", "a/3", "a/4", "a/5", "a/6")
	if e := many.choose([]string{"a/6;q=0.2, a/*;q=0.1"}); e.ContentType != "a/6" {
		t.Errorf("many encoders: %s", e.ContentType)
	}
}

func TestAccept_HeadersThatRepeatThemselves(t *testing.T) {
	all := typesOf(t, "application/json", "text/plain")
	lines := slices.Repeat([]string{strings.Repeat("text/x,", 1000)}, 1000)
	if e := all.choose(append([]string{"text/plain"}, lines...)); e == nil || e.ContentType != "text/plain" {
		t.Errorf("%v", e)
	}
	n := 0
	for range items(lines) {
		n++
	}
	if n > maxItems {
		t.Errorf("%d items looked at", n)
	}
}

func TestPrefer_H04_Parsing(t *testing.T) {
	async := func(p preferences) preferences { p.respondAsync = true; return p }
	wait := func(s int) preferences { return preferences{wait: time.Duration(s) * time.Second, hasWait: true} }
	for _, c := range []struct {
		lines string
		want  preferences
	}{
		{"", preferences{}},
		{"respond-async", async(preferences{})},
		{"Respond-Async", async(preferences{})},
		{"wait=10", wait(10)},
		{"respond-async, wait=10", async(wait(10))},
		{"respond-async\nwait=10", async(wait(10))}, // lines are as good as commas
		{"wait=10\nrespond-async", async(wait(10))},
		{"respond-async;wait=10", async(preferences{})}, // a parameter of the other
		{"wait = 10 ; foo=bar", wait(10)},
		{`wait="10"`, wait(10)},
		{"wait=10, wait=20", wait(10)}, // the first counts
		{"wait=10\nwait=20", wait(10)},
		{"wait=x, wait=20", preferences{}},
		{"wait=0", wait(0)},
		{"wait=-1", preferences{}},
		{"wait=1.5", preferences{}},
		{"wait=", preferences{}},
		{"wait", preferences{}},
		{"wait=99999999999999999999999999", wait(maxPreferWait)},
		{"return=minimal, handling=lenient, foo, respond-async", async(preferences{})},
		{`foo="wait=3, respond-async", wait=4`, wait(4)},
		{`foo="a\", wait=3", wait=4`, wait(4)},
		{`foo="never closed, wait=3`, preferences{}},
		{"respond-async=no", preferences{}},
		{",, ,respond-async,", async(preferences{})},
	} {
		if got := parsePrefer(strings.Split(c.lines, "\n")); got != c.want {
			t.Errorf("Prefer %q: %+v, want %+v", c.lines, got, c.want)
		}
	}
}

// FuzzFields: whatever a client sends, choosing and preferring come to an end, and
// never yield what was not offered.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		"text/html;q=0.9, */*;q=0.1", "respond-async, wait=10", `a="b\"c, d";q=1`, "wait=18446744073709551616", ";;,,==\"", "*/*;q=0.0000",
	} {
		f.Add(seed, seed)
	}
	all := typesOf(f, "application/json", "text/plain; charset=utf-8")
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		n := 0
		for item := range items(lines) {
			if n++; item == "" || strings.Trim(item, blanks) != item {
				t.Fatalf("item %q", item)
			}
			if r, ok := parseMediaRange(item); ok && (r.q < 0 || r.q > 1000 || r.kind == "" || r.subtype == "") {
				t.Fatalf("range %+v of %q", r, item)
			}
		}
		if n > maxItems {
			t.Fatalf("%d items", n)
		}
		if e := all.choose(lines); e != nil && e != &all[0].Encoder && e != &all[1].Encoder {
			t.Fatal("chosen from nowhere")
		}
		if p := parsePrefer(lines); p.wait < 0 || p.wait > maxPreferWait*time.Second || !p.hasWait && p.wait != 0 {
			t.Fatalf("%+v", p)
		}
		if both := parsePrefer([]string{first + "," + second}); !strings.Contains(first, `"`) && both != parsePrefer(lines) {
			t.Fatalf("%q and %q: two lines are not one list", first, second)
		}
	})
}
