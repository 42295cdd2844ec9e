package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// compare has wrk ask flaskish and the yardsticks by turns.
func (p plan) compare(ctx context.Context, site string) error {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		fmt.Println("wrk is not installed: no comparison with plain handlers. On Debian: apt-get install wrk")
		return nil
	}
	resp, body, err := fetch(ctx, site+"/api/rates")
	if err != nil {
		return err
	}
	same, err := newResponse(resp, body)
	if err != nil {
		return err
	}
	plain, stopPlain, err := serve(same.encoding)
	if err != nil {
		return err
	}
	defer stopPlain()
	kept, stopKept, err := serve(same.kept)
	if err != nil {
		return err
	}
	defer stopKept()

	servers := []*server{{name: "flaskish", url: site}, {name: "plain, encodes each time", url: plain}, {name: "plain, keeps the bytes", url: kept}}
	for round := range p.rounds {
		for k := range servers {
			s := servers[(k+round)%len(servers)] // nobody is always the first
			out, err := exec.CommandContext(ctx, wrk, "-t2", "-c"+strconv.Itoa(p.connections), "-d"+p.length.String(), "--latency", s.url+"/api/rates").CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			m, err := parseWrk(string(out))
			if err != nil {
				return err
			}
			s.rounds = append(s.rounds, m)
		}
	}
	fmt.Printf("GET /api/rates, %d bytes, %d connections, %d rounds of %v\n\n", len(body), p.connections, p.rounds, p.length)
	return table(servers)
}

type server struct {
	name, url string
	rounds    []measured
}

// measured is what wrk says of a turn.
type measured struct {
	perSecond float64
	p50, p99  time.Duration
}

func (s *server) median() measured {
	return measured{
		medianOf(s.rounds, func(m measured) float64 { return m.perSecond }),
		time.Duration(medianOf(s.rounds, func(m measured) float64 { return float64(m.p50) })),
		time.Duration(medianOf(s.rounds, func(m measured) float64 { return float64(m.p99) })),
	}
}

// medianOf returns the middle one, or the lower of the two.
func medianOf[T any](all []T, of func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = of(v)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// table prints the servers beside the first: how much of their requests it serves,
// as the median of the rounds, each of which has its own weather.
func table(servers []*server) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "requests/s\tp50\tp99\tours/theirs\t") // errors are kept for Flush
	for _, s := range servers {
		m := s.median()
		ratios := make([]float64, len(s.rounds))
		for i := range ratios {
			ratios[i] = servers[0].rounds[i].perSecond / s.rounds[i].perSecond
		}
		_, _ = fmt.Fprintf(w, "%.0f\t%v\t%v\t%.2f\t  %s\n", m.perSecond, m.p50, m.p99, medianOf(ratios, func(x float64) float64 { return x }), s.name)
	}
	_, _ = fmt.Fprintln(w)
	return w.Flush()
}

var (
	wrkRate    = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkLatency = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([0-9.]+)(us|ms|s|m)\s*$`)
	wrkBad     = regexp.MustCompile(`(?m)^\s*(Non-2xx.*|Socket errors:.*)$`)
)

// parseWrk reads what wrk --latency prints.
func parseWrk(out string) (m measured, err error) {
	if bad := wrkBad.FindString(out); bad != "" {
		return m, fmt.Errorf("wrk: %s", strings.TrimSpace(bad))
	}
	rate := wrkRate.FindStringSubmatch(out)
	if rate == nil {
		return m, fmt.Errorf("wrk printed no Requests/sec:\n%s", out)
	}
	if m.perSecond, err = strconv.ParseFloat(rate[1], 64); err != nil || m.perSecond <= 0 {
		return m, fmt.Errorf("wrk printed %q requests a second", rate[1])
	}
	for _, l := range wrkLatency.FindAllStringSubmatch(out, -1) {
		d, err := time.ParseDuration(l[2] + l[3])
		if err != nil {
			return m, err
		}
		if l[1] == "50" {
			m.p50 = d
		} else {
			m.p99 = d
		}
	}
	if m.p50 == 0 || m.p99 == 0 {
		return m, fmt.Errorf("wrk printed no latencies:\n%s", out)
	}
	return m, nil
}

// fetch gets url as soon as it is there.
func fetch(ctx context.Context, url string) (resp *http.Response, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, nil, err
		}
		resp, err = http.DefaultClient.Do(req)
		if err != nil {
			return nil, nil, err
		}
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it was read to its end
		if err != nil || resp.StatusCode == http.StatusOK {
			return resp, body, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("GET %s: %s", url, resp.Status)
		}
	}
}

// serve serves h with the limits that flaskish has.
func serve(h http.HandlerFunc) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/rates", h)
	srv := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 40 * time.Second, IdleTimeout: time.Minute,
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }() // ended by stop
	return "http://" + l.Addr().String(), func() {
		if err := errors.Join(srv.Close(), <-done); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "load:", err)
		}
	}, nil
}
