package httpbridge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/threadpool"
)

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLatest_H05_EncodesOnceForWhatIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		var state atomic.Int64
		views := 0
		h := httpbridge.Latest(&l, httpbridge.LatestConfig{
			StaleAfter: time.Minute,
			View: func(s httpbridge.Seen) any {
				views++
				return fmt.Sprint(s.Value, s.State, s.Stale)
			},
			State: func() any { return state.Load() },
		})
		for _, step := range []struct {
			do   func()
			want string
		}{
			{func() { l.Set(1) }, "1 0 []"},
			{func() { state.Store(7) }, "1 7 []"},
			{func() { time.Sleep(2 * time.Minute) }, "1 7 [poll]"},
			{func() { l.Set(2) }, "2 7 []"},
			{func() { state.Store(0) }, "2 0 []"},
		} {
			step.do()
			before := views
			tag := ""
			for range 3 {
				resp := get(t, h)
				if got := text(t, resp); got != fmt.Sprintf("%q\n", step.want) {
					t.Errorf("%s, want %q", got, step.want)
				}
				if next := resp.Header.Get("ETag"); tag != "" && next != tag {
					t.Errorf("%s: ETag %s after %s", step.want, next, tag)
				} else {
					tag = next
				}
			}
			if views != before+1 {
				t.Errorf("%s: viewed %d times", step.want, views-before)
			}
		}
	})
}

func TestLatest_H09_ThoseWhoComeMeanwhileWaitForTheEncoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		l.Set(1)
		views := 0
		h := httpbridge.Latest(&l, httpbridge.LatestConfig{View: func(httpbridge.Seen) any {
			views++
			time.Sleep(time.Second)
			return views
		}})
		bodies := make(chan string, 10)
		for range cap(bodies) {
			go func() { bodies <- text(t, get(t, h)) }() // ends with its response
		}
		for range cap(bodies) {
			if got := <-bodies; got != "1\n" {
				t.Error(got)
			}
		}
		if views != 1 {
			t.Errorf("viewed %d times", views)
		}
	})
}

func TestLatest_H01_AFailureToEncodeIsNotKept(t *testing.T) {
	var l eventual.Latest[int]
	l.Set(1)
	fails := []func(){func() { panic("not yet") }, func() { panic(errors.New("nor now")) }, runtime.Goexit}
	h := httpbridge.Latest(&l, httpbridge.LatestConfig{View: func(httpbridge.Seen) any {
		if len(fails) > 0 {
			f := fails[0]
			fails = fails[1:]
			f()
		}
		return "now"
	}})
	for _, want := range []int{500, 500, 0, 200, 200} {
		status := make(chan int, 1)
		go func() { // ends with its response, or by Goexit
			defer close(status)
			status <- get(t, h).StatusCode
		}()
		if got := <-status; got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
}

// TestLatest_H01_AStateThatCannotBeCompared: it fails at once, and says why, not only
// when the second request comes.
func TestLatest_H01_AStateThatCannotBeCompared(t *testing.T) {
	var l eventual.Latest[int]
	l.Set(1)
	var log logtest.Log
	h := httpbridge.Latest(&l, httpbridge.LatestConfig{State: func() any { return []int{1} }, Logger: log.Logger()})
	for range 2 {
		if resp := get(t, h); resp.StatusCode != 500 {
			t.Errorf("%d", resp.StatusCode)
		}
	}
	if n := strings.Count(log.String(), "LatestConfig.State returned a []int"); n != 2 {
		t.Error(log.String())
	}
}

// TestLatest_H07_WhoeverWaitsForAnEncodingLendsItsSlot: what it takes may need one.
func TestLatest_H07_WhoeverWaitsForAnEncodingLendsItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		l.Set(1)
		needed, settle := eventual.New[int](nil)
		p := newPool(t, threadpool.Config{Max: 2})
		h := httpbridge.Middleware(p, httpbridge.PoolConfig{})(httpbridge.Latest(&l, httpbridge.LatestConfig{View: func(httpbridge.Seen) any {
			v, _ := needed.Wait(time.Hour)
			return v
		}}))
		bodies := make(chan string, 3)
		for range cap(bodies) {
			go func() { bodies <- text(t, get(t, h)) }() // ends with its response
		}
		synctest.Wait()
		if err := p.CallInThread(t.Context(), func(context.Context) { settle(7, nil) }); err != nil {
			t.Fatal(err)
		}
		for range cap(bodies) {
			if got := <-bodies; got != "7\n" {
				t.Error(got)
			}
		}
	})
}

// TestLatest_H05_HeadersBelongToTheRequest: whoever wraps the handler may change
// them, and nobody else sees that.
func TestLatest_H05_HeadersBelongToTheRequest(t *testing.T) {
	var l eventual.Latest[string]
	l.Set("x")
	h := httpbridge.Latest(&l, httpbridge.LatestConfig{MaxAge: time.Second, StaleAfter: time.Nanosecond})
	first := httptest.NewRecorder()
	h.ServeHTTP(first, httptest.NewRequest(http.MethodGet, "/", nil))
	want := first.Header().Clone()
	for name, values := range first.Header() {
		if len(values) != 1 || name != http.CanonicalHeaderKey(name) {
			t.Errorf("%s: %q", name, values)
		}
		values[0] = "spoilt"
		first.Header()[name] = append(values, "more")
	}
	second := get(t, h).Header
	for name, values := range want {
		if !slices.Equal(second[name], values) {
			t.Errorf("%s: %q, want %q", name, second[name], values)
		}
	}
	for name, values := range first.Header() {
		if strings.Join(values, " ") != "spoilt more" {
			t.Errorf("%s: %q", name, values)
		}
	}
}

func TestLatest_H05_PartsAndPreconditions(t *testing.T) {
	var l eventual.Latest[string]
	l.Set("abcdef")
	h := httpbridge.Latest(&l, httpbridge.LatestConfig{})
	whole := get(t, h)
	tag := whole.Header.Get("ETag")
	if got := text(t, whole); got != "\"abcdef\"\n" || whole.Header.Get("Content-Length") != "9" || whole.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("%q, %v", got, whole.Header)
	}
	for _, c := range []struct {
		field, value string
		status       int
		body         string
	}{
		{"Range", "bytes=1-3", http.StatusPartialContent, "abc"},
		{"If-Match", tag, http.StatusOK, "\"abcdef\"\n"},
		{"If-Match", `"other"`, http.StatusPreconditionFailed, ""},
		{"If-None-Match", tag, http.StatusNotModified, ""},
		{"If-None-Match", `"other"`, http.StatusOK, "\"abcdef\"\n"},
	} {
		resp := get(t, h, c.field, c.value)
		if got := text(t, resp); resp.StatusCode != c.status || got != c.body {
			t.Errorf("%s %s: %d %q", c.field, c.value, resp.StatusCode, got)
		}
	}
}
