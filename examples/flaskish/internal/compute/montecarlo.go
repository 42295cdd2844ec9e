package compute

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

const (
	tradingDays = 250
	drawnPaths  = 12
	bins        = 600
)

// simulation counts, for each day to come, where the paths are: in bins of the
// logarithm of the change, so that it does not grow with the number of paths.
type simulation struct {
	sigma  float64
	reach  float64 // the bins cover minus to plus this
	counts [tradingDays + 1][bins]int
	drawn  [][]float64 // the first paths, as logarithms of the change
}

// monteCarlo simulates a rate as a geometric Brownian motion without drift.
func (s Spec) monteCarlo() *Run {
	paths := 20_000 * s.Effort
	sim := &simulation{sigma: s.Market.Volatility, reach: 5 * s.Market.Volatility * math.Sqrt(tradingDays)}
	rng := rand.New(rand.NewPCG(s.Seed, 1))
	steps := func(yield func(float64) bool) {
		for n := range paths {
			sim.path(rng)
			if !yield(float64(n+1) / float64(paths)) {
				return
			}
		}
	}
	return &Run{steps, func() (Outcome, error) {
		picture, err := encode(sim.draw())
		at := func(q float64) float64 { return s.Market.Rate * math.Exp(sim.quantile(tradingDays, q)) }
		return Outcome{[]Fact{
			{"Simulates", fmt.Sprintf("EUR/%s, %d trading days", s.Market.Currency, tradingDays)},
			{"Begins at", fmt.Sprintf("%s, %.2f %% a day", rate(s.Market.Rate), 100*s.Market.Volatility)},
			{"Half end in", rate(at(0.25)) + " to " + rate(at(0.75))},
			{"Nine in ten end in", rate(at(0.05)) + " to " + rate(at(0.95))},
			{"Paths", grouped(paths)},
		}, picture}, err
	}}
}

// rate has five digits, also if the last ones are 0, so that two of them look alike.
func rate(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%#.5g", v), ".") }

// grouped writes n with a comma at each third digit.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// path adds one path.
func (m *simulation) path(rng *rand.Rand) {
	var kept []float64
	if len(m.drawn) < drawnPaths {
		kept = make([]float64, 0, tradingDays+1)
	}
	x := 0.0
	for day := range tradingDays + 1 {
		if day > 0 {
			x += m.sigma*rng.NormFloat64() - m.sigma*m.sigma/2
		}
		m.counts[day][m.bin(x)]++
		if kept != nil {
			kept = append(kept, x)
		}
	}
	if kept != nil {
		m.drawn = append(m.drawn, kept)
	}
}

func (m *simulation) bin(x float64) int {
	return min(max(int((x+m.reach)/(2*m.reach)*bins), 0), bins-1)
}

// quantile returns the value below which the part q of all paths is on day.
func (m *simulation) quantile(day int, q float64) float64 {
	total := 0
	for _, n := range m.counts[day] {
		total += n
	}
	left := q * float64(total)
	for i, n := range m.counts[day] {
		if n > 0 && left <= float64(n) {
			return (float64(i)+left/float64(n))/bins*2*m.reach - m.reach
		}
		left -= float64(n)
	}
	return m.reach
}

// The fan's colours go with a light page and a dark one.
var (
	outer  = color.NRGBA{74, 128, 196, 60}
	inner  = color.NRGBA{74, 128, 196, 110}
	middle = color.NRGBA{74, 128, 196, 255}
	thread = color.NRGBA{128, 138, 150, 110}
)

// draw draws the fan of the quantiles, and some paths over it.
func (m *simulation) draw() image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	reach := 1.25 * m.quantile(tradingDays, 0.95)
	row := func(x float64) float64 { return height / 2 * (1 - x/reach) }
	for px := range width {
		at := func(q float64) float64 {
			return row(between(px, func(day int) float64 { return m.quantile(day, q) }))
		}
		column(img, px, at(0.95), at(0.05), outer)
		column(img, px, at(0.75), at(0.25), inner)
		mid := at(0.5)
		column(img, px, mid-1, mid+1, middle)
	}
	for _, path := range m.drawn {
		last := row(path[0])
		for px := range width {
			y := row(between(px, func(day int) float64 { return path[day] }))
			column(img, px, min(last, y)-0.5, max(last, y)+0.5, thread)
			last = y
		}
	}
	return img
}

// between returns what of is at column px, between two days.
func between(px int, of func(day int) float64) float64 {
	at := float64(px) / (width - 1) * tradingDays
	day := min(int(at), tradingDays-1)
	part := at - float64(day)
	return (1-part)*of(day) + part*of(day+1)
}

// column paints over one column of img from top to bottom.
func column(img *image.NRGBA, x int, top, bottom float64, c color.NRGBA) {
	r := image.Rect(x, int(math.Round(top)), x+1, int(math.Round(bottom)))
	draw.Draw(img, r, image.NewUniform(c), image.Point{}, draw.Over)
}
