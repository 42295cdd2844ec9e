// Package compute has the computations of the jobs page. Each is a sequence of
// small steps, so that whoever runs it decides how: straight through in a process
// or a thread, or a few steps at a time between other things on a reactor.
package compute

import (
	"fmt"
	"iter"
	"slices"
)

// The kinds of computation.
const (
	Mandelbrot = "mandelbrot" // a picture of a part of the Mandelbrot set
	MonteCarlo = "montecarlo" // where a rate may go within a year
)

// Kinds are all of them.
var Kinds = []string{Mandelbrot, MonteCarlo}

// MaxEffort is the most that a Spec may ask for.
const MaxEffort = 100

// Spec says what to compute. The same one gives the same outcome.
type Spec struct {
	Kind   string
	Effort int // 1 to MaxEffort: how much work it is, more or less in proportion
	Seed   uint64
	Market Market // for MonteCarlo
}

// Market is what a simulation of a rate begins with.
type Market struct {
	Currency   string
	Rate       float64 // of one euro
	Volatility float64 // standard deviation of the daily change of its logarithm
}

// Fact is a line of an Outcome.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Outcome is what a computation gives.
type Outcome struct {
	Facts   []Fact
	Picture []byte // a PNG
}

// Run is a computation that runs, once. It belongs to one goroutine at a time.
type Run struct {
	steps  iter.Seq[float64]
	finish func() (Outcome, error)
}

// Steps does the work: it yields after each step of some microseconds, with the
// part of the whole that is done, 0 to 1.
func (r *Run) Steps() iter.Seq[float64] { return r.steps }

// Outcome gives the outcome once the steps have ended. Making the picture takes
// tens of milliseconds.
func (r *Run) Outcome() (Outcome, error) { return r.finish() }

// Begin checks s and returns its computation.
func (s Spec) Begin() (*Run, error) {
	if s.Effort < 1 || s.Effort > MaxEffort {
		return nil, fmt.Errorf("compute: effort %d: want 1 to %d", s.Effort, MaxEffort)
	}
	switch s.Kind {
	case Mandelbrot:
		return s.mandelbrot(), nil
	case MonteCarlo:
		if s.Market.Rate <= 0 || s.Market.Volatility <= 0 || s.Market.Volatility > 1 {
			return nil, fmt.Errorf("compute: market %+v: want a rate above 0 and a volatility above 0, at most 1", s.Market)
		}
		return s.monteCarlo(), nil
	}
	return nil, fmt.Errorf("compute: kind %q: want one of %q", s.Kind, slices.Clone(Kinds))
}
