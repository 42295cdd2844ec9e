package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/download"
	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
)

// archive returns the function that fetches the history from url.
func archive(client *http.Client, url string) func(context.Context) *eventual.Result[download.Archive] {
	return func(ctx context.Context) *eventual.Result[download.Archive] {
		return eventual.Go(ctx, func(ctx context.Context) (a download.Archive, err error) {
			begun := time.Now()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return a, err
			}
			resp, err := client.Do(req)
			if err != nil {
				return a, err
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != http.StatusOK {
				return a, fmt.Errorf("%s: %s", url, resp.Status)
			}
			file, err := io.ReadAll(io.LimitReader(resp.Body, ecb.MaxSize))
			if err != nil {
				return a, err
			}
			return download.Summarize(file, time.Since(begun))
		})
	}
}
