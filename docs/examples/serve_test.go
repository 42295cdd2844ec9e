//go:build unix

package examples_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

// largestFactor runs in a worker process, where it can be killed.
var largestFactor = procpool.Register("largest factor", func(_ context.Context, n int) (int, error) {
	if n < 2 {
		return 0, errors.New("want 2 or more")
	}
	largest := n
	for f := 2; n > 1; f++ {
		for n%f == 0 {
			largest, n = f, n/f
		}
	}
	return largest, nil
})

// site is a server whose handlers have work done in four places.
type site struct {
	loop    *reactor.Reactor
	tasks   *coiterate.Cooperator
	threads *threadpool.Pool
	workers *procpool.Pool
	visits  int // belongs to the reactor
}

func openSite() (*site, error) {
	s := &site{loop: reactor.New(reactor.Config{Name: "site"})}
	s.loop.Start()
	s.tasks = coiterate.New(s.loop, coiterate.Config{})
	var err error
	if s.threads, err = threadpool.New(threadpool.Config{Name: "files", Max: 8, QueueLimit: 100}); err != nil {
		return nil, err
	}
	s.workers, err = procpool.New(procpool.Config{Name: "factors", Max: 2, QueueLimit: 100, JobTimeout: time.Minute})
	return s, err
}

func (s *site) close(ctx context.Context) error {
	err := errors.Join(s.workers.Stop(ctx), s.threads.Stop(ctx))
	s.tasks.Stop()
	return errors.Join(err, s.loop.Stop(ctx))
}

func (s *site) handler() http.Handler {
	wait := httpbridge.HandlerConfig{Timeout: 30 * time.Second}
	mux := http.NewServeMux()

	// On the reactor: state with one owner.
	mux.Handle("GET /visits", httpbridge.Handler(func(req *http.Request) *eventual.Result[int] {
		return reactor.RunInReactor(req.Context(), s.loop, func(context.Context) (int, error) {
			s.visits++
			return s.visits, nil
		})
	}, wait))

	// In a thread: a call that blocks.
	mux.Handle("GET /nap", httpbridge.Handler(func(req *http.Request) *eventual.Result[string] {
		return threadpool.DeferToThread(req.Context(), s.threads, func(context.Context) (string, error) {
			time.Sleep(5 * time.Millisecond)
			return "rested", nil
		})
	}, wait))

	// In a process: work for the processor that may have to be killed.
	mux.Handle("GET /factor/{n}", httpbridge.Handler(func(req *http.Request) *eventual.Result[int] {
		n, err := strconv.Atoi(req.PathValue("n"))
		if err != nil {
			return eventual.Failed[int](&httpbridge.Problem{Status: http.StatusBadRequest, Detail: "n is no number"})
		}
		return procpool.DeferToProcess(req.Context(), s.workers, largestFactor, n)
	}, wait))

	// In slices on the reactor: a computation over its state, and nobody waits for it.
	mux.Handle("GET /sum", httpbridge.Handler(func(req *http.Request) *eventual.Result[int] {
		return coiterate.Run(req.Context(), s.tasks, func(y *coiterate.Yielder) (int, error) {
			sum := s.visits
			for n := range 100_000 {
				sum += n
				if err := y.Yield(); err != nil {
					return 0, err
				}
			}
			return sum, nil
		})
	}, wait))
	return mux
}

func Example_serve() {
	procpool.ServeIfWorker()
	s, err := openSite()
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(s.handler())
	for _, path := range []string{"/visits", "/nap", "/factor/1001", "/sum", "/factor/x"} {
		resp, err := server.Client().Get(server.URL + path)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(path, resp.StatusCode, strings.TrimSpace(string(body)))
	}
	server.Close()
	fmt.Println(s.close(context.Background()))
	// Output:
	// /visits 200 1
	// /nap 200 "rested"
	// /factor/1001 200 13
	// /sum 200 4999950001
	// /factor/x 400 {"detail":"n is no number","status":400,"title":"Bad Request","type":"about:blank"}
	// <nil>
}
