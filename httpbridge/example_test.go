package httpbridge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

// show sends a request to h and prints the status and what is worth seeing.
func show(h http.Handler, method, target string, header ...string) *http.Response {
	resp := do(h, method, target, header...)
	text, _ := io.ReadAll(resp.Body)
	fmt.Println(strings.TrimSpace(fmt.Sprintln(method, resp.StatusCode, string(text))))
	return resp
}

func ExampleHandler() {
	errUnknown := errors.New("no such host")
	lookUp := func(_ context.Context, name string) ([]string, error) { // blocks
		if name != "example.org" {
			return nil, errUnknown
		}
		return []string{"192.0.2.1"}, nil
	}

	mux := http.NewServeMux()
	mux.Handle("GET /lookup/{name}", httpbridge.Handler(func(r *http.Request) *eventual.Result[[]string] {
		name := r.PathValue("name")
		return eventual.Go(r.Context(), func(ctx context.Context) ([]string, error) { return lookUp(ctx, name) })
	}, httpbridge.HandlerConfig{
		Timeout:  2 * time.Second,
		Encoders: []httpbridge.Encoder{httpbridge.JSON, httpbridge.Text},
		Errors:   []httpbridge.ErrorRule{httpbridge.OnError(errUnknown, http.StatusNotFound)},
	}))

	show(mux, "GET", "/lookup/example.org")
	show(mux, "GET", "/lookup/example.org", "Accept", "text/*")
	show(mux, "GET", "/lookup/nowhere")
	// Output:
	// GET 200 ["192.0.2.1"]
	// GET 200 [192.0.2.1]
	// GET 404 {"status":404,"title":"Not Found","type":"about:blank"}
}

// A long job: the client is told where its outcome will be, watches the progress
// and fetches it in the end. Where it does not prefer that, it waits.
func ExampleResources() {
	jobs, err := httpbridge.NewResources(httpbridge.ResourcesConfig{Path: "/jobs/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer jobs.Close()
	next := make(chan struct{})
	count := func(ctx context.Context) (string, error) {
		for i := range int64(3) {
			httpbridge.Report(ctx, httpbridge.Progress{Done: i, Total: 3, Message: "counting"})
			<-next
		}
		return "three", nil
	}

	mux := http.NewServeMux()
	mux.Handle("POST /jobs", httpbridge.Handler(func(r *http.Request) *eventual.Result[string] {
		return eventual.Go(r.Context(), count)
	}, httpbridge.HandlerConfig{Resources: jobs}))
	mux.Handle("/jobs/{id}", jobs)
	mux.Handle("/jobs/{id}/events", jobs)

	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/jobs", nil)
	r.Header.Set("Prefer", "respond-async")
	mux.ServeHTTP(w, r)
	location := w.Header().Get("Location")
	fmt.Println(w.Code, strings.HasPrefix(location, "/jobs/"))

	next <- struct{}{}
	next <- struct{}{}
	next <- struct{}{}
	show(mux, "GET", location, "Prefer", "wait=10")
	show(mux, "GET", location)
	show(mux, "DELETE", location)
	show(mux, "GET", location)
	// Output:
	// 202 true
	// GET 200 "three"
	// GET 200 "three"
	// DELETE 204
	// GET 410 {"detail":"The result was deleted.","status":410,"title":"Gone","type":"about:blank"}
}

// Work that calls back with its progress, as a job in a child process does:
//
//	procpool.DeferWithProgress(r.Context(), pool, render, in, func(p frames) {
//		httpbridge.Report(r.Context(), httpbridge.Progress{Done: p.Done, Total: p.Total})
//	})
//
// A plain job reports with its own ctx.
func ExampleReport() {
	download := func(ctx context.Context, parts []string) (string, error) {
		for i, part := range parts {
			httpbridge.Report(ctx, httpbridge.Progress{Done: int64(i), Total: int64(len(parts)), Message: "fetching " + part})
		}
		return strings.Join(parts, ""), nil
	}
	h := httpbridge.Handler(func(r *http.Request) *eventual.Result[string] {
		return eventual.Go(r.Context(), func(ctx context.Context) (string, error) { return download(ctx, []string{"a", "b"}) })
	}, httpbridge.HandlerConfig{})
	show(h, "POST", "/") // nobody follows the progress of this one
	// Output:
	// POST 200 "ab"
}

// A task of coiterate keeps account of its own progress: it is asked.
func ExampleReportFrom() {
	r := reactor.New(reactor.Config{Name: "tasks"})
	r.Start()
	defer func() { _ = r.Stop(context.Background()) }()
	tasks := coiterate.New(r, coiterate.Config{})

	sum := func(yield func(int64, error) bool) {
		for i := range int64(100) {
			if !yield(i, nil) {
				return
			}
		}
	}
	h := httpbridge.Handler(func(req *http.Request) *eventual.Result[struct{}] {
		task := coiterate.Cooperate(req.Context(), tasks, sum)
		httpbridge.ReportFrom(req.Context(), func() httpbridge.Progress {
			p := task.Progress()
			return httpbridge.Progress{Done: p.Done, Total: p.Total}
		})
		return task.WhenDone()
	}, httpbridge.HandlerConfig{})
	show(h, "POST", "/")
	// Output:
	// POST 204
}

func ExampleOnErrorAs() {
	h := httpbridge.Handler(func(*http.Request) *eventual.Result[int] {
		return eventual.Failed[int](&validation{field: "age"})
	}, httpbridge.HandlerConfig{Errors: []httpbridge.ErrorRule{
		httpbridge.OnErrorAs(func(v *validation) *httpbridge.Problem {
			return &httpbridge.Problem{Status: 422, Detail: "There is something wrong with one field.", Extensions: map[string]any{"field": v.field}}
		}),
	}})
	show(h, "GET", "/")
	// Output:
	// GET 422 {"detail":"There is something wrong with one field.","field":"age","status":422,"title":"Unprocessable Entity","type":"about:blank"}
}
