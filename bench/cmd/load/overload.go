package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"
)

// overload finds out how much the pooled route serves, and then asks for more.
func (p plan) overload(ctx context.Context, site string) error {
	v := newVisitors(site + "/download")
	defer v.client.CloseIdleConnections()
	calm, err := v.steady(ctx, poolThreads, p.length)
	if err != nil {
		return err
	}
	served := calm[http.StatusOK]
	if len(served) == 0 {
		return fmt.Errorf("GET %s: nothing was served: %v", v.url, calm)
	}
	rate := float64(len(served)) / p.length.Seconds()
	fmt.Printf("GET /download, %d threads: %.0f requests/s without overload\n\n", poolThreads, rate)
	storm, err := v.storm(ctx, rate*float64(p.times), 2*p.length)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "requests\t/s\tp50\tp99\tmost\t") // errors are kept for Flush
	row(w, "without overload, served", served, p.length)
	for _, status := range slices.Sorted(keys(storm)) {
		name := strconv.Itoa(status) + " " + http.StatusText(status)
		if status == 0 {
			name = "no response"
		}
		row(w, fmt.Sprintf("%dx overload, %s", p.times, name), storm[status], 2*p.length)
	}
	_, _ = fmt.Fprintln(w)
	return w.Flush()
}

func keys(m map[int][]time.Duration) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func row(w io.Writer, name string, took []time.Duration, length time.Duration) {
	slices.Sort(took)
	at := func(share float64) time.Duration {
		return took[int(share*float64(len(took)-1))].Round(100 * time.Microsecond)
	}
	_, _ = fmt.Fprintf(w, "%d\t%.0f\t%v\t%v\t%v\t  %s\n", len(took), float64(len(took))/length.Seconds(), at(0.5), at(0.99), at(1), name)
}

// visitors note how long responses took, by status; 0 is none at all.
type visitors struct {
	url    string
	client *http.Client

	mu   sync.Mutex // guards took; nothing blocks under it
	took map[int][]time.Duration
}

const visitorPatience = 30 * time.Second

func newVisitors(url string) *visitors {
	return &visitors{url: url, client: &http.Client{
		Timeout:   visitorPatience,
		Transport: &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096},
	}}
}

func (v *visitors) visit(ctx context.Context) {
	begun := time.Now()
	status := 0
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err == nil {
		var resp *http.Response
		if resp, err = v.client.Do(req); err == nil {
			if _, err = io.Copy(io.Discard, resp.Body); err == nil {
				status = resp.StatusCode
			}
			_ = resp.Body.Close() // read to its end, or lost
		}
	}
	if ctx.Err() != nil {
		return // interrupted
	}
	took := time.Since(begun)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.took[status] = append(v.took[status], took)
}

// steady has so many visitors come again as soon as they were served.
func (v *visitors) steady(ctx context.Context, n int, length time.Duration) (map[int][]time.Duration, error) {
	v.took = make(map[int][]time.Duration)
	end := time.Now().Add(length)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil {
				v.visit(ctx)
			}
		})
	}
	wg.Wait()
	return v.took, ctx.Err()
}

// storm has visitors come at a rate, whatever became of those before: that is what
// makes it overload.
func (v *visitors) storm(ctx context.Context, rate float64, length time.Duration) (map[int][]time.Duration, error) {
	v.took = make(map[int][]time.Duration)
	var wg sync.WaitGroup
	begun := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		since := time.Since(begun)
		for ; float64(n) < rate*min(since, length).Seconds(); n++ {
			wg.Go(func() { v.visit(ctx) })
		}
		if since >= length || ctx.Err() != nil {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	wg.Wait()
	return v.took, ctx.Err()
}
