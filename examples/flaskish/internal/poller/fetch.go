package poller

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
	"github.com/trestle-go/trestle/httpbridge"
)

// Fetched is what a fetch gave.
type Fetched struct {
	Days      []ecb.Day // the newest first, at least one unless Unchanged
	Unchanged bool      // since the fetch before
}

// HTTPFetch returns a function that fetches url, asking conditionally once it has
// an answer. It must not be called again before the result is there. The client
// should not try again by itself: the poller knows better when.
func HTTPFetch(client *httpbridge.Client, url string) func(context.Context) *eventual.Result[Fetched] {
	var etag, modified string // of the last good answer; only one fetch is under way at a time
	return func(ctx context.Context) *eventual.Result[Fetched] {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return eventual.Failed[Fetched](err)
		}
		req.Header.Set("User-Agent", "flaskish (an example of Trestle)")
		req.Header.Set("Accept", "text/xml, application/xml")
		if etag != "" {
			req.Header.Set("If-None-Match", etag)
		}
		if modified != "" {
			req.Header.Set("If-Modified-Since", modified)
		}
		return eventual.Then(client.Do(ctx, req), func(resp *httpbridge.Response) (Fetched, error) {
			got, err := read(resp)
			if err != nil {
				return got, fmt.Errorf("%s: %w", url, err)
			}
			if !got.Unchanged {
				etag, modified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
			}
			return got, nil
		})
	}
}

func read(resp *httpbridge.Response) (Fetched, error) {
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		return Fetched{Unchanged: true}, nil
	default:
		return Fetched{}, fmt.Errorf("status %d", resp.StatusCode)
	}
	days, err := ecb.Parse(bytes.NewReader(resp.Body))
	if err != nil {
		return Fetched{}, err
	}
	if day := days[0]; day.Date.After(time.Now().Add(24 * time.Hour)) {
		return Fetched{}, fmt.Errorf("rates of the future, %s", day.Date.Format(time.DateOnly))
	}
	return Fetched{Days: days}, nil
}
