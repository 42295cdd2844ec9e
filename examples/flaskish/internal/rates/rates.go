// Package rates is the table of exchange rates and the arithmetic on it: exact
// decimals, one division at the end, one rounding for display.
package rates

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
)

// Euro is the currency that all rates are against; it is never published.
const Euro = "EUR"

// Digits is how many significant digits a derived value is shown with.
const Digits = 6

// Table is what is known of all currencies. It is immutable.
type Table struct {
	Date   time.Time // of the newest fixing in it
	Source string
	quotes []Quote // by currency
}

// Quote is what one euro costs in a currency.
type Quote struct {
	Currency string
	Text     string // as published, never rounded
	Date     time.Time
	Change   string // per cent since the fixing before, with its sign, such as +0.12; "" if there was none
	value    decimal.Decimal
}

// Update returns the table with the rates of d. A currency that d does not have
// keeps its last rate, with its date; missing lists those.
func (t Table) Update(d ecb.Day, source string) (next Table, missing []string) {
	next = Table{Date: d.Date, Source: source}
	for _, r := range d.Rates {
		next.quotes = append(next.quotes, Quote{r.Currency, r.Text, d.Date, t.change(r, d.Date), r.Value})
	}
	for _, old := range t.quotes {
		if _, err := next.Quote(old.Currency); err != nil {
			next.quotes = append(next.quotes, old)
			missing = append(missing, old.Currency)
		}
	}
	slices.SortFunc(next.quotes, func(a, b Quote) int { return strings.Compare(a.Currency, b.Currency) })
	return next, missing
}

// change returns Quote.Change for a rate of the day date.
func (t Table) change(r ecb.Rate, date time.Time) string {
	old, err := t.Quote(r.Currency)
	switch {
	case err != nil || date.Before(old.Date): // a replay has begun again
		return ""
	case date.Equal(old.Date) && r.Value.Equal(old.value):
		return old.Change
	}
	return Change(old.value, r.Value)
}

// Change returns by how much to is more than from, which is above zero, in per cent
// with its sign and two decimals: "+0.12", "0.00", "-3.40".
func Change(from, to decimal.Decimal) string {
	percent := new(big.Rat).Quo(to.Rat(), from.Rat())
	percent.Sub(percent, big.NewRat(1, 1)).Mul(percent, big.NewRat(100, 1))
	text := percent.FloatString(2)
	switch {
	case strings.Trim(text, "-0.") == "":
		return "0.00"
	case percent.Sign() > 0:
		return "+" + text
	}
	return text
}

// Quotes returns all quotes, by currency. It must not be changed.
func (t Table) Quotes() []Quote { return t.quotes }

// DataTime is when the rates are from: a handler tells by it how old they are.
func (t Table) DataTime() time.Time { return t.Date }

// UnknownCurrencyError says that a table has no such currency.
type UnknownCurrencyError struct{ Currency string }

func (e *UnknownCurrencyError) Error() string { return fmt.Sprintf("unknown currency %q", e.Currency) }

// Quote returns the quote of currency, in capital letters or not.
func (t Table) Quote(currency string) (Quote, error) {
	upper := strings.ToUpper(currency)
	if upper == Euro {
		return Quote{Currency: Euro, Text: "1", Date: t.Date, value: decimal.NewFromInt(1)}, nil
	}
	for _, q := range t.quotes {
		if q.Currency == upper {
			return q, nil
		}
	}
	return Quote{}, &UnknownCurrencyError{currency}
}

// AmountError says that an amount is no number that can be converted.
type AmountError struct{ Amount string }

func (e *AmountError) Error() string {
	return fmt.Sprintf("amount %q: want a decimal number such as 100 or 12.50, up to 15 digits and 6 decimals", e.Amount)
}

var amountForm = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,6})?$`)

// Conversion is an amount of one currency in another, for display.
type Conversion struct {
	From, To, Amount string
	Rate             string // of one From in To
	Result           string
	Date             time.Time // the older one of the two quotes
}

// Convert converts amount by way of the euro. The rate has [Digits] significant
// digits; the result is not computed from it but from the published rates, and has
// as many digits or is exact to the cent, whichever is more.
func (t Table) Convert(from, to, amount string) (Conversion, error) {
	a, err := t.Quote(from)
	if err != nil {
		return Conversion{}, err
	}
	b, err := t.Quote(to)
	if err != nil {
		return Conversion{}, err
	}
	if !amountForm.MatchString(amount) {
		return Conversion{}, &AmountError{amount}
	}
	n, err := decimal.NewFromString(amount)
	if err != nil {
		return Conversion{}, &AmountError{amount}
	}
	rate := new(big.Rat).Quo(b.value.Rat(), a.value.Rat())
	c := Conversion{From: a.Currency, To: b.Currency, Amount: amount, Date: a.Date}
	if b.Date.Before(a.Date) {
		c.Date = b.Date
	}
	c.Rate = show(rate, 0)
	if a.Currency == Euro {
		c.Rate = b.Text // published, not derived
	}
	c.Result = show(new(big.Rat).Mul(n.Rat(), rate), 2)
	return c, nil
}

// show rounds x, which is not negative, once: to Digits significant digits, or to
// places decimals if that is more.
func show(x *big.Rat, places int) string {
	if x.Sign() == 0 {
		return "0"
	}
	digits := magnitude(x)
	if digits < Digits { // what rounds up to a power of ten has one digit more than it had
		rounded, _ := new(big.Rat).SetString(x.FloatString(Digits - digits))
		digits = magnitude(rounded)
	}
	return x.FloatString(max(Digits-digits, places, 0))
}

// magnitude is how many digits x, which is above zero, has before the point; if
// negative, how many zeros follow it.
func magnitude(x *big.Rat) (digits int) {
	ten, one := big.NewRat(10, 1), big.NewRat(1, 1)
	for y := new(big.Rat).Set(x); y.Cmp(one) >= 0; y.Quo(y, ten) {
		digits++
	}
	if digits == 0 {
		for y := new(big.Rat).Mul(x, ten); y.Cmp(one) < 0; y.Mul(y, ten) {
			digits--
		}
	}
	return digits
}
