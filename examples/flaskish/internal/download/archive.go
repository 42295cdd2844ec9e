package download

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
	"github.com/trestle-go/trestle/examples/flaskish/internal/rates"
)

// Archive is what the file that was fetched says.
type Archive struct {
	Bytes    int
	Took     time.Duration
	Days     int
	From, To time.Time
	Rows     []Row // by currency
}

// Row is how a currency went over the days.
type Row struct {
	Quote            rates.Quote // of the last day
	First, Low, High string      // as published
	Change           string      // per cent, from the first day to the last
	Line             string      // points of a line 100 wide and 24 high
}

// Size is how much was fetched, for display.
func (a Archive) Size() string { return fmt.Sprintf("%.0f kB", float64(a.Bytes)/1000) }

// ChangeText is Change with a minus sign that is as wide as a plus.
func (r Row) ChangeText() string { return strings.Replace(r.Change, "-", "−", 1) }

// Summarize reads a file of the ECB's.
func Summarize(file []byte, took time.Duration) (Archive, error) {
	days, err := ecb.Parse(bytes.NewReader(file))
	if err != nil {
		return Archive{}, err
	}
	slices.Reverse(days) // the oldest first
	a := Archive{Bytes: len(file), Took: took, Days: len(days), From: days[0].Date, To: days[len(days)-1].Date}
	table, _ := rates.Table{}.Update(days[len(days)-1], "")
	series := make(map[string][]ecb.Rate)
	for _, d := range days {
		for _, r := range d.Rates {
			series[r.Currency] = append(series[r.Currency], r)
		}
	}
	for _, q := range table.Quotes() {
		a.Rows = append(a.Rows, summarize(q, series[q.Currency]))
	}
	return a, nil
}

func summarize(q rates.Quote, rs []ecb.Rate) Row {
	compare := func(a, b ecb.Rate) int { return a.Value.Cmp(b.Value) }
	low, high := slices.MinFunc(rs, compare), slices.MaxFunc(rs, compare)
	first, last := rs[0], rs[len(rs)-1]
	row := Row{Quote: q, First: first.Text, Low: low.Text, High: high.Text, Change: rates.Change(first.Value, last.Value)}
	bottom, reach := low.Value.InexactFloat64(), high.Value.Sub(low.Value).InexactFloat64()
	var points []string
	for i, r := range rs {
		x, y := 100*float64(i)/float64(max(len(rs)-1, 1)), 12.0
		if reach > 0 {
			y = 23 - 22*(r.Value.InexactFloat64()-bottom)/reach
		}
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
	}
	row.Line = strings.Join(points, " ")
	return row
}
