package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/download"
	"github.com/trestle-go/trestle/httpbridge"
)

// archive returns the function that fetches the history from url.
func archive(client *httpbridge.Client, url string) func(context.Context) *eventual.Result[download.Archive] {
	return func(ctx context.Context) *eventual.Result[download.Archive] {
		begun := time.Now()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return eventual.Failed[download.Archive](err)
		}
		return eventual.Then(client.Do(ctx, req), func(resp *httpbridge.Response) (download.Archive, error) {
			if resp.StatusCode != http.StatusOK {
				return download.Archive{}, fmt.Errorf("%s: status %d", url, resp.StatusCode)
			}
			return download.Summarize(resp.Body, time.Since(begun))
		})
	}
}
