package rates

import (
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
)

func day(date string, pairs ...string) ecb.Day {
	d := ecb.Day{}
	d.Date, _ = time.Parse(time.DateOnly, date)
	for i := 0; i < len(pairs); i += 2 {
		d.Rates = append(d.Rates, ecb.Rate{Currency: pairs[i], Text: pairs[i+1], Value: decimal.RequireFromString(pairs[i+1])})
	}
	return d
}

func TestConvert(t *testing.T) {
	table, _ := Table{}.Update(day("2026-03-13", "USD", "1.1476", "JPY", "182.85", "GBP", "0.86503", "IDR", "19395.07", "HUF", "395.10"), "test")
	for _, c := range []struct{ from, to, amount, rate, result string }{
		{"USD", "JPY", "1", "159.333", "159.333"},
		{"GBP", "USD", "1", "1.32666", "1.32666"},
		{"usd", "eur", "1000000", "0.871384", "871383.76"}, // not 871384.00: nothing is multiplied by a rounded rate
		{"EUR", "HUF", "2", "395.10", "790.200"},           // a published rate keeps its digits
		{"EUR", "EUR", "5", "1", "5.00000"},
		{"IDR", "EUR", "1", "0.0000515595", "0.0000515595"},
		{"USD", "USD", "0", "1.00000", "0"},
	} {
		got, err := table.Convert(c.from, c.to, c.amount)
		if err != nil || got.Rate != c.rate || got.Result != c.result {
			t.Errorf("%s %s in %s: %+v, %v; want rate %s, result %s", c.amount, c.from, c.to, got, err, c.rate, c.result)
		}
	}
	var unknown *UnknownCurrencyError
	if _, err := table.Convert("USD", "ZZZ", "1"); !errors.As(err, &unknown) || unknown.Currency != "ZZZ" {
		t.Errorf("unknown currency: %v", err)
	}
	for _, amount := range []string{"", "-1", "1e3", "NaN", "1,5", "0x10", "1/3", " 1", "1234567890123456", "1.1234567"} {
		var bad *AmountError
		if _, err := table.Convert("USD", "EUR", amount); !errors.As(err, &bad) {
			t.Errorf("amount %q: %v", amount, err)
		}
	}
}

func TestUpdateKeepsACurrencyThatDisappears(t *testing.T) {
	table, missing := Table{}.Update(day("2026-01-02", "USD", "1.1", "BGN", "1.9558"), "test")
	if len(missing) != 0 {
		t.Errorf("missing at first: %v", missing)
	}
	table, missing = table.Update(day("2026-01-05", "USD", "1.2"), "test")
	if !slices.Equal(missing, []string{"BGN"}) {
		t.Errorf("missing: %v", missing)
	}
	q, err := table.Quote("BGN")
	if err != nil || q.Text != "1.9558" || q.Date.Format(time.DateOnly) != "2026-01-02" {
		t.Errorf("%+v, %v", q, err)
	}
	if c, _ := table.Convert("USD", "BGN", "1"); c.Date.Format(time.DateOnly) != "2026-01-02" {
		t.Errorf("the conversion claims to be of %v", c.Date)
	}
}

func TestShownRateIsWithinHalfOfItsLastDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return decimal.New(rapid.Int64Range(1, 999_999_999).Draw(t, name), -int32(rapid.IntRange(0, 5).Draw(t, name+" places"))).String()
		}
		a, b := text("a"), text("b")
		table, _ := Table{}.Update(day("2026-01-02", "AAA", a, "BBB", b), "test")
		c, err := table.Convert("AAA", "BBB", "1")
		if err != nil {
			t.Fatal(err)
		}
		shown := decimal.RequireFromString(c.Rate)
		exact := decimal.RequireFromString(b).DivRound(decimal.RequireFromString(a), 40)
		if diff := shown.Sub(exact).Abs(); diff.GreaterThan(exact.Mul(decimal.New(5, -6))) {
			t.Fatalf("%s / %s shown as %s, is %s", b, a, c.Rate, exact)
		}
	})
}

func TestShowHasSixDigitsAlsoWhenItRoundsUpToATen(t *testing.T) {
	for in, want := range map[string]string{
		"9.999994": "9.99999", "9.999996": "10.0000", "0.9999997": "1.00000",
		"99999.97": "100000", "0.00099999996": "0.00100000", "1": "1.00000",
	} {
		x, _ := new(big.Rat).SetString(in)
		if got := show(x, 0); got != want {
			t.Errorf("%s is shown as %s, want %s", in, got, want)
		}
	}
}
