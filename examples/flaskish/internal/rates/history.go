package rates

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
)

// maxHistory is how many days a History keeps: more than the ninety-day file has,
// and a year of polling the daily one.
const maxHistory = 400

// History is what was published on the days that are known. It is immutable.
type History struct{ days []ecb.Day } // the oldest first, each date once

// NewHistory returns the history of days.
func NewHistory(days ...ecb.Day) History { return History{}.With(days...) }

// With returns the history with days; one that is there already is replaced.
func (h History) With(days ...ecb.Day) History {
	all := slices.Clone(h.days)
	for _, d := range days {
		at, found := slices.BinarySearchFunc(all, d.Date, func(o ecb.Day, date time.Time) int { return o.Date.Compare(date) })
		if found {
			all[at] = d
		} else {
			all = slices.Insert(all, at, d)
		}
	}
	return History{all[max(len(all)-maxHistory, 0):]}
}

// Point is the rate of one day.
type Point struct {
	Date time.Time
	Text string  // as published
	Near float64 // the same, for drawings and simulations: no money is counted with it
}

// Of returns what one euro cost in currency on each day that has it.
func (h History) Of(currency string) (points []Point) {
	currency = strings.ToUpper(currency)
	for _, d := range h.days {
		for _, r := range d.Rates {
			if r.Currency == currency {
				points = append(points, Point{d.Date, r.Text, r.Value.InexactFloat64()})
			}
		}
	}
	return points
}

// usualVolatility is that of a major currency, for a history too short to tell.
const usualVolatility = 0.0045

// Volatility returns the standard deviation of the daily change of the logarithm
// of currency's rate.
func (h History) Volatility(currency string) float64 {
	points := h.Of(currency)
	if len(points) < 10 {
		return usualVolatility
	}
	var sum, squares float64
	for i := 1; i < len(points); i++ {
		change := math.Log(points[i].Near / points[i-1].Near)
		sum += change
		squares += change * change
	}
	n := float64(len(points) - 1)
	if v := (squares - sum*sum/n) / (n - 1); v > 0 {
		return math.Sqrt(v)
	}
	return usualVolatility // a rate that never moves
}
