package bench_test

import (
	"math"
	"runtime/metrics"
	"slices"
	"testing"
	"time"
)

// contender is one way to do the work of a benchmark. run does it n times, or n
// times unit times where one is too little to time, and returns when all of it is
// done.
type contender struct {
	name  string
	run   func(n int)
	timed func(n int) time.Duration // instead of run, where the work itself knows better when it began and ended
	unit  int                       // 0 means 1
}

// against runs ours beside each of the yardsticks, as sub-benchmarks.
func against(b *testing.B, ours func(n int), yardsticks ...contender) {
	b.Helper()
	contest(b, contender{run: ours}, yardsticks...)
}

func contest(b *testing.B, ours contender, yardsticks ...contender) {
	b.Helper()
	ours.time(1) // what is done only once is not to count
	for _, y := range yardsticks {
		y.time(1)
		b.Run("vs="+y.name, func(b *testing.B) { compare(b, ours, y) })
	}
}

// maxRounds is how many there are where b.N allows: enough for a median, few enough
// that starting and draining weigh little in each.
const maxRounds = 20

// compare runs ours and theirs b.N times each, in alternating rounds, and reports
// medians over the rounds.
func compare(b *testing.B, ours, theirs contender) {
	rounds := min(b.N, maxRounds)
	a, t := tally{c: ours}, tally{c: theirs}
	ratios := make([]float64, 0, rounds)
	for round := range rounds {
		n := b.N*(round+1)/rounds - b.N*round/rounds
		if round%2 == 0 {
			a.take(n)
			t.take(n)
		} else { // whoever runs second finds the other's garbage
			t.take(n)
			a.take(n)
		}
		ratios = append(ratios, a.last()/t.last())
	}
	b.ReportMetric(median(a.each), "ns/op")
	b.ReportMetric(median(t.each), "yardstick-ns/op")
	b.ReportMetric(median(ratios), "x-yardstick")
	b.ReportAllocs() // shows what follows instead of its own count, which is of both sides
	b.ReportMetric(a.perOp(a.allocs.objects), "allocs/op")
	b.ReportMetric(a.perOp(a.allocs.bytes), "B/op")
	b.ReportMetric(t.perOp(t.allocs.objects), "yardstick-allocs/op")
}

// tally collects the rounds of one contender.
type tally struct {
	c      contender
	ops    int
	each   []float64 // ns an operation
	allocs allocs
}

func (t *tally) take(n int) {
	before := allocated()
	took := t.c.time(n)
	after := allocated()
	t.allocs.objects += after.objects - before.objects
	t.allocs.bytes += after.bytes - before.bytes
	ops := n * max(t.c.unit, 1)
	t.ops += ops
	t.each = append(t.each, float64(max(took.Nanoseconds(), 1))/float64(ops))
}

func (c contender) time(n int) time.Duration {
	if c.timed != nil {
		return c.timed(n)
	}
	begun := time.Now()
	c.run(n)
	return time.Since(begun)
}

func (t *tally) last() float64 { return t.each[len(t.each)-1] }

func (t *tally) perOp(total uint64) float64 { return math.Round(float64(total) / float64(t.ops)) }

type allocs struct{ objects, bytes uint64 }

// allocated returns what was allocated on the heap since the program began.
func allocated() allocs {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return allocs{s[0].Value.Uint64(), s[1].Value.Uint64()}
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
