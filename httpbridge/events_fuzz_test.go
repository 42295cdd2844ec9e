package httpbridge_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/trestle-go/trestle/httpbridge"
)

// replayed parses what a closed stream sent to one who says to have seen last.
func replayed[T any](t *testing.T, s *httpbridge.Stream[T], last string) (all []event) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Last-Event-ID", last)
	w := httptest.NewRecorder()
	s.Handler(httpbridge.EventsConfig{History: 100}).ServeHTTP(w, r)
	f := &following{t: t, r: bufio.NewReader(w.Body)}
	for {
		e, err := f.read()
		if err != nil {
			return all
		}
		all = append(all, e)
	}
}

// Whatever is published, it is one event, and says what it said.
func FuzzStream_H06_Injection(f *testing.F) {
	f.Add("name", "data")
	f.Add("a\nb", "a\r\n\rdata: x\n\nevent: evil")
	f.Add("", "\n")
	f.Add(" :", "id: 1\x00\xff")
	f.Fuzz(func(t *testing.T, name, data string) {
		s := httpbridge.Stream[string]{Encode: func(data string) (string, []byte, error) { return name, []byte(data), nil }}
		err := s.Publish(data)
		if strings.ContainsAny(name, "\r\n\x00") {
			if err == nil {
				t.Fatalf("the name %q was accepted", name)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(data)
		if got := replayed(t, &s, ""); len(got) != 1 || got[0].data != want || got[0].name != name {
			t.Errorf("%q, %q became %+v", name, data, got)
		}
	})
}

// Whatever a client sends as its last id, it gets what it misses or a reset.
func FuzzStream_H06_LastEventID(f *testing.F) {
	f.Add("")
	f.Add("x-1")
	f.Add("-")
	f.Add("0-18446744073709551616")
	f.Add(strings.Repeat("a", 100) + "-1")
	f.Fuzz(func(t *testing.T, last string) {
		if strings.ContainsAny(last, "\r\n\x00") || strings.TrimSpace(last) != last {
			return // no server gets that
		}
		s := httpbridge.Stream[int]{Replay: 2}
		publish(t, &s, 1, 2, 3)
		s.Close()
		got := replayed(t, &s, last)
		want := 3
		if last == "" {
			want = 2
		}
		if len(got) != want || (want == 3) != (got[0].name == "reset") || got[want-1].data != "3" {
			t.Errorf("%q: %+v", last, got)
		}
	})
}
