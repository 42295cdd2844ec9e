package histogram

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBucketsCoverEveryDurationOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64Range(0, math.MaxInt64).Draw(t, "v")
		i := bucket(v)
		if i >= buckets {
			t.Fatalf("bucket(%d) = %d, of %d", v, i, buckets)
		}
		if up := uint64(upper(i)); v > up {
			t.Fatalf("%d is above the end %d of its bucket %d", v, up, i)
		}
		if i > 0 && v <= uint64(upper(i-1)) {
			t.Fatalf("%d belongs to bucket %d too", v, i-1)
		}
	})
}

func TestSummary(t *testing.T) {
	var h Histogram
	if got := h.Summary(); got != (Summary{}) {
		t.Fatalf("empty: %+v", got)
	}
	for i := 1; i <= 1000; i++ {
		h.Record(time.Duration(i) * time.Microsecond)
	}
	h.Record(-time.Second)
	s := h.Summary()
	if s.Count != 1001 || s.Max != time.Millisecond {
		t.Fatalf("count and max: %+v", s)
	}
	for _, c := range []struct {
		name      string
		got, want time.Duration
	}{{"p50", s.P50, 500 * time.Microsecond}, {"p90", s.P90, 900 * time.Microsecond}, {"p99", s.P99, 990 * time.Microsecond}} {
		if ratio := float64(c.got) / float64(c.want); ratio < 0.95 || ratio > 1.26 {
			t.Errorf("%s = %v, want about %v", c.name, c.got, c.want)
		}
	}
}
