// Package histogram counts durations in buckets that grow by a quarter of a power
// of two: percentiles to within a few tens of percent, for a few nanoseconds a
// record and a fixed few kilobytes.
package histogram

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	subBits = 2 // buckets per power of two, as a power of two
	buckets = (64 - subBits) << subBits
)

// Histogram counts durations. Its zero value is ready. All methods may be called
// by any goroutine.
type Histogram struct {
	count [buckets]atomic.Uint64
	max   atomic.Int64
}

// Record counts d; a negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.count[bucket(uint64(d))].Add(1)
	for {
		m := h.max.Load()
		if int64(d) <= m || h.max.CompareAndSwap(m, int64(d)) {
			return
		}
	}
}

// Summary is what a Histogram has counted: how many, and below which duration
// that part of them lay.
type Summary struct {
	Count              uint64
	P50, P90, P99, Max time.Duration
}

// Summary returns what was counted so far. Counts that come in meanwhile may be
// in it or not.
func (h *Histogram) Summary() Summary {
	var counts [buckets]uint64
	s := Summary{Max: time.Duration(h.max.Load())}
	for i := range counts {
		counts[i] = h.count[i].Load()
		s.Count += counts[i]
	}
	s.P50 = quantile(&counts, s, 0.50)
	s.P90 = quantile(&counts, s, 0.90)
	s.P99 = quantile(&counts, s, 0.99)
	return s
}

func quantile(counts *[buckets]uint64, s Summary, q float64) time.Duration {
	if s.Count == 0 {
		return 0
	}
	rank, seen := uint64(q*float64(s.Count-1))+1, uint64(0)
	for i, n := range counts {
		if seen += n; seen >= rank {
			return min(upper(i), s.Max)
		}
	}
	return s.Max
}

func bucket(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	exp := bits.Len64(v) - 1 - subBits
	return (exp+1)<<subBits + int(v>>exp)&(1<<subBits-1)
}

// upper is the largest duration that falls into bucket i.
func upper(i int) time.Duration {
	if i < 1<<subBits {
		return time.Duration(i)
	}
	exp := i>>subBits - 1
	base := uint64(1<<subBits + i&(1<<subBits-1))
	return time.Duration((base+1)<<exp - 1)
}
