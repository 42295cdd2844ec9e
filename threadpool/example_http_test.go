package threadpool_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/threadpool"
)

// Blocking calls from a net/http handler, never more than eight at once, however
// many requests there are.
func Example_handler() {
	var now, most atomic.Int32
	query := func(context.Context) (string, error) { // as slow a driver as any
		for n, m := now.Add(1), most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		defer now.Add(-1)
		time.Sleep(10 * time.Millisecond)
		return "report", nil
	}

	pool, err := threadpool.New(threadpool.Config{Name: "db", Max: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Stop(context.Background())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := threadpool.DeferToThread(r.Context(), pool, query).WaitContext(r.Context())
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, rows)
	}))
	defer srv.Close()

	var wg sync.WaitGroup
	var good atomic.Int32
	for range 100 {
		wg.Go(func() {
			resp, err := srv.Client().Get(srv.URL)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			if b, _ := io.ReadAll(resp.Body); string(b) == "report" {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Println(good.Load(), "answers, at most 8 at once:", most.Load() <= 8)
	srv.Client().CloseIdleConnections()
	// Output: 100 answers, at most 8 at once: true
}
