package ecb

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	dailyFile   = "testdata/eurofxref-daily.xml"
	historyFile = "../feed/eurofxref-hist-90d.xml"
)

func parseFile(t testing.TB, name string) []Day {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	days, err := Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return days
}

func rateOf(t *testing.T, d Day, currency string) string {
	t.Helper()
	i := slices.IndexFunc(d.Rates, func(r Rate) bool { return r.Currency == currency })
	if i < 0 {
		t.Fatalf("%s has no %s", d.Date.Format(time.DateOnly), currency)
	}
	return d.Rates[i].Text
}

func TestParseDailyFile(t *testing.T) {
	days := parseFile(t, dailyFile)
	if len(days) != 1 || days[0].Date.Format(time.DateOnly) != "2024-06-28" {
		t.Fatalf("%d days, the first %v", len(days), days[0].Date)
	}
	// Published digits are kept, trailing zeros included.
	for currency, want := range map[string]string{"USD": "1.0705", "JPY": "171.94", "HUF": "395.10", "PLN": "4.3090"} {
		if got := rateOf(t, days[0], currency); got != want {
			t.Errorf("%s is %s, want %s", currency, got, want)
		}
	}
}

func TestParseHistory(t *testing.T) {
	days := parseFile(t, historyFile)
	if len(days) != 61 {
		t.Fatalf("%d days, want 61", len(days))
	}
	if !slices.IsSortedFunc(days, func(a, b Day) int { return b.Date.Compare(a.Date) }) {
		t.Error("the newest day is not first")
	}
	if got := rateOf(t, days[0], "USD"); days[0].Date.Format(time.DateOnly) != "2013-01-24" || got != "1.3349" {
		t.Errorf("newest: %v, USD %s", days[0].Date, got)
	}
}

func TestWriteIsReadBack(t *testing.T) {
	for _, want := range parseFile(t, historyFile) {
		var b bytes.Buffer
		if err := want.Write(&b); err != nil {
			t.Fatal(err)
		}
		got, err := Parse(&b)
		if err != nil || len(got) != 1 || !slices.EqualFunc(got[0].Rates, want.Rates, func(a, b Rate) bool { return a.Currency == b.Currency && a.Text == b.Text }) {
			t.Fatalf("%v: read back as %v, %v", want, got, err)
		}
	}
}

// hostile are files that must be refused, and a word of the error.
func hostile(t testing.TB) map[string][2]string {
	data, err := os.ReadFile(dailyFile)
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	usd := "currency='USD' rate='1.0705'"
	with := func(attrs string) string { return strings.Replace(good, usd, attrs, 1) }
	return map[string][2]string{
		"truncated":       {good[:len(good)/2], "EOF"},
		"empty":           {"", "EOF"},
		"error page":      {"<html><body>Service unavailable</body></html>", "Envelope"},
		"zero rate":       {with("currency='USD' rate='0.0000'"), "USD"},
		"negative rate":   {with("currency='USD' rate='-1.07'"), "USD"},
		"comma":           {with("currency='USD' rate='1,0705'"), "USD"},
		"exponent":        {with("currency='USD' rate='1e999999999'"), "USD"},
		"no rate":         {with("currency='USD'"), "USD"},
		"bad currency":    {with("currency='usd' rate='1'"), "usd"},
		"currency twice":  {with("currency='JPY' rate='1.0705'"), "JPY twice"},
		"bad date":        {strings.Replace(good, "2024-06-28", "2024-13-28", 1), "2024-13-28"},
		"entity":          {strings.Replace(good, "'USD'", "'&usd;'", 1), "entity"},
		"entity bomb":     {"<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>" + strings.Replace(good, "Reference rates", "&b;", 1), "entity"},
		"no days":         {good[:strings.Index(good, "\t<Cube>")] + "</gesmes:Envelope>", "0 days"},
		"endless":         {strings.Replace(good, "Reference", strings.Repeat("x", MaxSize), 1), "larger"},
		"endless nesting": {strings.Repeat("<a>", 100_000), "ecb:"},
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(c[0]))
			if err == nil || !strings.Contains(err.Error(), c[1]) {
				t.Errorf("error %v, want one with %q", err, c[1])
			}
		})
	}
}

// FuzzParse: whatever is accepted is a table that can be written and read back.
func FuzzParse(f *testing.F) {
	for _, name := range []string{dailyFile, historyFile} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 8000)])
		f.Add(data)
	}
	for name, c := range hostile(f) {
		if name != "endless" {
			f.Add([]byte(c[0]))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		days, err := Parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, d := range days {
			for _, r := range d.Rates {
				if !r.Value.IsPositive() {
					t.Fatalf("accepted %v", r)
				}
			}
			var b bytes.Buffer
			if err := d.Write(&b); err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(&b); err != nil {
				t.Fatalf("cannot read back: %v", err)
			}
		}
	})
}
