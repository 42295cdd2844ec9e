package main

import (
	"strings"
	"testing"
	"time"
)

const wrkOutput = `Running 3s test @ http://127.0.0.1:8080/api/rates
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.68ms    2.52ms  31.95ms   86.82%
    Req/Sec    14.10k     1.31k   17.52k    70.00%
  Latency Distribution
     50%    1.98ms
     75%    3.59ms
     90%    5.75ms
     99%   12.04ms
  84310 requests in 3.01s, 207.05MB read
Requests/sec:  28017.53
Transfer/sec:     68.81MB
`

func TestParseWrk(t *testing.T) {
	m, err := parseWrk(wrkOutput)
	if want := (measured{28017.53, 1980 * time.Microsecond, 12040 * time.Microsecond}); err != nil || m != want {
		t.Errorf("%+v, %v; want %+v", m, err, want)
	}
	for _, bad := range []string{
		"", strings.Replace(wrkOutput, "Requests/sec", "", 1), strings.Replace(wrkOutput, "99%   ", "98%   ", 1),
		wrkOutput + "  Non-2xx or 3xx responses: 7\n", wrkOutput + "  Socket errors: connect 0, read 1, write 0, timeout 0\n",
	} {
		if m, err := parseWrk(bad); err == nil {
			t.Errorf("%+v from %q", m, bad)
		}
	}
}

func TestMedian(t *testing.T) {
	if got := medianOf([]float64{5, 1, 9, 3}, func(x float64) float64 { return x }); got != 3 {
		t.Error(got)
	}
}
