package examples_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// downloader fetches pages for its visitors, who say how long they wait. A visitor
// whose page is not there in time gets an address to come back to.
type downloader struct {
	pool   *threadpool.Pool
	client *http.Client
	stash  eventual.Stash[int] // of the sizes of pages
}

func (d *downloader) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	patience, err := time.ParseDuration(req.FormValue("wait"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var page *eventual.Result[int]
	if id := req.FormValue("id"); id != "" {
		stashed, err := d.stash.Retrieve(id)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		page = stashed
	} else {
		// Without the request's cancellation: the download outlives the request.
		page = threadpool.DeferToThread(context.WithoutCancel(req.Context()), d.pool, func(ctx context.Context) (int, error) {
			return sizeOf(ctx, d.client, req.FormValue("url"))
		})
	}
	size, err := page.Wait(patience)
	switch {
	case errors.Is(err, eventual.ErrTimeout):
		id, err := d.stash.Put(page)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Location", "/?wait=10s&id="+url.QueryEscape(id))
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(w, "not yet")
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	default:
		fmt.Fprintln(w, size, "bytes")
	}
}

func sizeOf(ctx context.Context, client *http.Client, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	return int(n), err
}

func Example_download() {
	release := make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release // a slow site
		fmt.Fprint(w, "twelve bytes")
	}))
	defer site.Close()
	pool, err := threadpool.New(threadpool.Config{Name: "downloads", Max: 4})
	if err != nil {
		panic(err)
	}
	defer pool.Stop(context.Background())
	app := httptest.NewServer(&downloader{pool: pool, client: site.Client()})
	defer app.Close()

	visit := func(path string) (location string) {
		resp, err := app.Client().Get(app.URL + path)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		fmt.Print(resp.StatusCode, " ", string(body))
		return resp.Header.Get("Location")
	}
	later := visit("/?wait=20ms&url=" + url.QueryEscape(site.URL))
	close(release)
	visit(later)
	visit(later) // an id is good for one time
	// Output:
	// 202 not yet
	// 200 12 bytes
	// 404 eventual: unknown id
}
