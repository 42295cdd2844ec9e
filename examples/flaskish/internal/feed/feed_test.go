package feed

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
)

func TestReplayGoesOnByADayAndBeginsAgain(t *testing.T) {
	p, err := NewReplay()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Days()) != 61 {
		t.Fatalf("%d days", len(p.Days()))
	}
	for i := range len(p.Days()) + 2 {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path, nil))
		days, err := ecb.Parse(w.Body)
		if want := p.Days()[i%61]; err != nil || !days[0].Date.Equal(want.Date) {
			t.Fatalf("request %d: %v, %v; want %v", i, days, err, want.Date)
		}
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/other", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("other path: %d", w.Code)
	}
}

func TestHistoryArrivesWhole(t *testing.T) {
	p, err := NewReplay()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p.Drip = 3 * time.Second
		begun := time.Now()
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, HistoryPath, nil))
		if took := time.Since(begun); took != p.Drip {
			t.Errorf("took %v, want %v", took, p.Drip)
		}
		if days, err := ecb.Parse(w.Body); err != nil || len(days) != len(p.Days()) {
			t.Errorf("%d days, %v", len(days), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w = httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, HistoryPath, nil).WithContext(ctx))
		if n := w.Body.Len(); n == 0 || n > len(history)/2 {
			t.Errorf("%d bytes to a client that left after a third of the time", n)
		}
	})
}

func TestReplayDoesNotSkipTheDayThatTheClientHas(t *testing.T) {
	p, err := NewReplay()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, Path, nil)
	r.Header.Set("If-None-Match", tag(p.Days()[0]))
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified {
		t.Errorf("status %d for the day that the client has", w.Code)
	}
	w = httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path, nil))
	if days, err := ecb.Parse(w.Body); err != nil || !days[0].Date.Equal(p.Days()[0].Date) {
		t.Errorf("after 304: %v, %v; want the first day", days, err)
	}
}
