package reactor

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// BackOff says how long to wait after errors in a row: Initial after the first,
// Factor times longer after each further one, up to Max, of which a random part
// of at least half is waited, so that those who failed together do not all come
// back together. The zero value is no back-off at all.
type BackOff struct {
	Initial time.Duration // zero: no back-off
	Max     time.Duration // zero: sixty times Initial
	Factor  float64       // zero: 2
}

func (b BackOff) on() bool { return b.Initial > 0 }

func (b BackOff) check() error {
	switch {
	case b.Initial < 0:
		return fmt.Errorf("BackOff.Initial %v is negative", b.Initial)
	case b.Max < 0 || b.Max > 0 && b.Max < b.Initial:
		return fmt.Errorf("BackOff.Max %v is below Initial %v", b.Max, b.Initial)
	case b.Factor != 0 && b.Factor < 1:
		return fmt.Errorf("BackOff.Factor is %v, want at least 1", b.Factor)
	}
	return nil
}

// delay is the wait after n errors in a row, n at least 1.
func (b BackOff) delay(n int) time.Duration {
	limit, factor := b.Max, b.Factor
	if limit == 0 {
		limit = 60 * b.Initial
	}
	if factor == 0 {
		factor = 2
	}
	d := float64(b.Initial)
	for ; n > 1 && d < float64(limit); n-- {
		d *= factor
	}
	d = min(d, float64(limit))
	return time.Duration(d/2 + rand.Float64()*d/2)
}

// jitter is a random part of share times d.
func jitter(share float64, d time.Duration) time.Duration {
	return time.Duration(rand.Float64() * share * float64(d))
}
