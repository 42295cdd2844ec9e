package poller

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
)

// fetchTimeout bounds one fetch.
const fetchTimeout = 10 * time.Second

// Fetched is what a fetch gave.
type Fetched struct {
	Days      []ecb.Day // the newest first, at least one unless Unchanged
	Unchanged bool      // since the fetch before
}

// HTTPFetch returns a function that fetches url, asking conditionally once it has
// an answer. It must not be called twice at the same time.
func HTTPFetch(client *http.Client, url string) func(context.Context) (Fetched, error) {
	var etag, modified string
	return func(ctx context.Context) (Fetched, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return Fetched{}, err
		}
		req.Header.Set("User-Agent", "flaskish (an example of Trestle)")
		req.Header.Set("Accept", "text/xml, application/xml")
		if etag != "" {
			req.Header.Set("If-None-Match", etag)
		}
		if modified != "" {
			req.Header.Set("If-Modified-Since", modified)
		}
		resp, err := client.Do(req)
		if err != nil {
			return Fetched{}, err
		}
		defer func() { _ = resp.Body.Close() }() // everything was read, or is not wanted
		switch resp.StatusCode {
		case http.StatusOK:
		case http.StatusNotModified:
			return Fetched{Unchanged: true}, nil
		default:
			return Fetched{}, fmt.Errorf("%s: %s", url, resp.Status)
		}
		days, err := ecb.Parse(resp.Body)
		if err != nil {
			return Fetched{}, fmt.Errorf("%s: %w", url, err)
		}
		if day := days[0]; day.Date.After(time.Now().Add(24 * time.Hour)) {
			return Fetched{}, fmt.Errorf("%s: rates of the future, %s", url, day.Date.Format(time.DateOnly))
		}
		etag, modified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
		return Fetched{Days: days}, nil
	}
}
