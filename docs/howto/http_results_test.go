package howto_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/threadpool"
)

type bill struct{ Total int }

func Example_httpResults() {
	pool, err := threadpool.New(threadpool.Config{Name: "bills", Max: 4, QueueLimit: 100})
	if err != nil {
		panic(err)
	}
	defer pool.Stop(context.Background())
	results, err := httpbridge.NewResources(httpbridge.ResourcesConfig{Path: "/results/"})
	if err != nil {
		panic(err)
	}
	defer results.Close()

	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle("/results/", results)
	mux.Handle("POST /bills", httpbridge.Handler(func(req *http.Request) *eventual.Result[bill] {
		return threadpool.DeferToThread(req.Context(), pool, func(ctx context.Context) (bill, error) {
			httpbridge.Report(ctx, httpbridge.Progress{Done: 1, Total: 2, Message: "adding up"})
			<-release
			return bill{Total: 42}, nil
		})
	}, httpbridge.HandlerConfig{
		Timeout:   5 * time.Second, // how long a request waits, unless it prefers not to
		Resources: results,
	}))
	server := httptest.NewServer(mux)
	defer server.Close()

	ask := func(method, path, prefer string) *http.Response {
		req, err := http.NewRequest(method, server.URL+path, nil)
		if err != nil {
			panic(err)
		}
		req.Header.Set("Prefer", prefer)
		resp, err := server.Client().Do(req)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			fmt.Print(resp.StatusCode, " ", string(body))
		} else {
			fmt.Println(resp.StatusCode)
		}
		return resp
	}
	accepted := ask("POST", "/bills", "respond-async")
	where := accepted.Header.Get("Location")
	ask("GET", where, "") // not yet
	close(release)
	ask("GET", where, "wait=10") // waits for it
	ask("GET", where, "")        // and may be fetched again
	ask("DELETE", where, "")
	ask("GET", where, "")
	// Output:
	// 202
	// 202
	// 200 {"Total":42}
	// 200 {"Total":42}
	// 204
	// 410
}
