// Package ecb reads the European Central Bank's euro foreign exchange reference
// rates: the daily file and the history of ninety days, which differ in layout
// and quoting.
package ecb

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/shopspring/decimal"
)

// DailyURL is where the ECB publishes the rates of the last working day, around
// 16:00 Central European Time.
const DailyURL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"

// MaxSize is how many bytes of a file are read at most.
const MaxSize = 4 << 20

const (
	maxDays  = 1000
	maxRates = 200 // of one day
)

// Day is what was published on one day.
type Day struct {
	Date  time.Time // midnight UTC of the day in question
	Rates []Rate    // in the order published; each currency at most once
}

// Rate is what one euro costs in a currency.
type Rate struct {
	Currency string // three capital letters
	Text     string // as published
	Value    decimal.Decimal
}

type envelope struct {
	XMLName xml.Name `xml:"http://www.gesmes.org/xml/2002-08-01 Envelope"`
	Days    []struct {
		Time  string `xml:"time,attr"`
		Rates []struct {
			Currency string `xml:"currency,attr"`
			Rate     string `xml:"rate,attr"`
		} `xml:"Cube"`
	} `xml:"http://www.ecb.int/vocabulary/2002-08-01/eurofxref Cube>Cube"`
}

var (
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
	rateForm     = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)
)

// Parse reads a file of either kind and returns its days, the newest first. Any
// day that is not as it should be is an error that names it: half a table is worse
// than the one of yesterday.
func Parse(r io.Reader) ([]Day, error) {
	limited := &io.LimitedReader{R: r, N: MaxSize + 1}
	dec := xml.NewDecoder(limited) // knows no external entities, and an unknown one is an error
	var e envelope
	if err := dec.Decode(&e); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("ecb: file is larger than %d bytes", MaxSize)
		}
		return nil, fmt.Errorf("ecb: %w", err)
	}
	if len(e.Days) == 0 || len(e.Days) > maxDays {
		return nil, fmt.Errorf("ecb: file has %d days, want 1 to %d", len(e.Days), maxDays)
	}
	days := make([]Day, 0, len(e.Days))
	for _, d := range e.Days {
		day := Day{}
		var err error
		if day.Date, err = time.Parse(time.DateOnly, d.Time); err != nil {
			return nil, fmt.Errorf("ecb: day %q: not a date", d.Time)
		}
		if len(d.Rates) == 0 || len(d.Rates) > maxRates {
			return nil, fmt.Errorf("ecb: day %s: %d rates, want 1 to %d", d.Time, len(d.Rates), maxRates)
		}
		for _, r := range d.Rates {
			rate, err := parseRate(r.Currency, r.Rate)
			if err != nil {
				return nil, fmt.Errorf("ecb: day %s: %w", d.Time, err)
			}
			if slices.ContainsFunc(day.Rates, func(o Rate) bool { return o.Currency == rate.Currency }) {
				return nil, fmt.Errorf("ecb: day %s: currency %s twice", d.Time, rate.Currency)
			}
			day.Rates = append(day.Rates, rate)
		}
		days = append(days, day)
	}
	slices.SortStableFunc(days, func(a, b Day) int { return b.Date.Compare(a.Date) })
	return days, nil
}

func parseRate(currency, text string) (Rate, error) {
	if !currencyForm.MatchString(currency) {
		return Rate{}, fmt.Errorf("currency %q: want three capital letters", currency)
	}
	// What a decimal library accepts is more than the ECB publishes.
	if !rateForm.MatchString(text) {
		return Rate{}, fmt.Errorf("rate of %s: %q is not a decimal number", currency, text)
	}
	value, err := decimal.NewFromString(text)
	if err != nil {
		return Rate{}, fmt.Errorf("rate of %s: %w", currency, err)
	}
	if !value.IsPositive() {
		return Rate{}, fmt.Errorf("rate of %s: %w", currency, errNotPositive)
	}
	return Rate{currency, text, value}, nil
}

var errNotPositive = errors.New("not above zero")

// Write writes d the way the ECB writes the daily file.
func (d Day) Write(w io.Writer) error {
	const head = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='%s'>
`
	if _, err := fmt.Fprintf(w, head, d.Date.Format(time.DateOnly)); err != nil {
		return err
	}
	for _, r := range d.Rates { // both are checked and need no escaping
		if _, err := fmt.Fprintf(w, "\t\t\t<Cube currency='%s' rate='%s'/>\n", r.Currency, r.Text); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\t\t</Cube>\n\t</Cube>\n</gesmes:Envelope>\n")
	return err
}
