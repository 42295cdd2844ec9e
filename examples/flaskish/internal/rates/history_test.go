package rates

import (
	"math"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
)

// on is a day of January 2026 with one rate.
func on(day int, rate string) ecb.Day {
	return ecb.Day{
		Date:  time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC),
		Rates: []ecb.Rate{{Currency: "USD", Text: rate, Value: decimal.RequireFromString(rate)}},
	}
}

func TestHistoryIsInOrderAndEachDayOnce(t *testing.T) {
	h := NewHistory(on(3, "1.3"), on(1, "1.1"))
	h2 := h.With(on(2, "1.2"), on(3, "1.35"))
	var got string
	for _, p := range h2.Of("usd") {
		got += p.Date.Format("2 ") + p.Text + " "
	}
	if got != "1 1.1 2 1.2 3 1.35 " {
		t.Errorf("got %s", got)
	}
	if p := h.Of("USD"); len(p) != 2 || p[1].Text != "1.3" {
		t.Errorf("the one before has changed: %v", p)
	}
	if p := h.Of("ZZZ"); p != nil {
		t.Errorf("unknown: %v", p)
	}
	for i := range 2 * maxHistory {
		h = h.With(on(4+i, "1"))
	}
	if p := h.Of("USD"); len(p) != maxHistory || !p[len(p)-1].Date.Equal(on(3+2*maxHistory, "1").Date) {
		t.Errorf("%d days are kept", len(p))
	}
}

func TestVolatility(t *testing.T) {
	var h History
	for i := range 21 { // up by 1 %, down by 1 %, in turns
		h = h.With(on(i+1, map[bool]string{true: "1", false: "1.01"}[i%2 == 0]))
	}
	want := math.Log(1.01) * math.Sqrt(20.0/19)
	if got := h.Volatility("USD"); math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
	if got := NewHistory(on(1, "1"), on(2, "2")).Volatility("USD"); got != usualVolatility {
		t.Errorf("of two days: %v", got)
	}
	var still History
	for i := range 20 {
		still = still.With(on(i+1, "1.9558"))
	}
	if got := still.Volatility("USD"); got != usualVolatility {
		t.Errorf("of one that never moves: %v", got)
	}
}

func TestChange(t *testing.T) {
	table, _ := Table{}.Update(on(5, "1.2000"), "x")
	change := func(d ecb.Day) string {
		table, _ = table.Update(d, "x")
		q, err := table.Quote("USD")
		if err != nil {
			t.Fatal(err)
		}
		return q.Change
	}
	if q, _ := table.Quote("USD"); q.Change != "" {
		t.Errorf("of the first: %q", q.Change)
	}
	for _, c := range []struct {
		day  ecb.Day
		want string
	}{
		{on(6, "1.2120"), "+1.00"},
		{on(6, "1.2120"), "+1.00"}, // fetched again
		{on(7, "1.2059"), "-0.50"},
		{on(8, "1.2059"), "0.00"},
		{on(9, "1.20591"), "0.00"}, // less than can be shown
		{on(1, "1.3"), ""},         // a replay that begins again
		{on(2, "1.3"), "0.00"},
	} {
		if got := change(c.day); got != c.want {
			t.Errorf("%s: %q, want %q", c.day.Date.Format(time.DateOnly), got, c.want)
		}
	}
}
