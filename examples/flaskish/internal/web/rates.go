package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/poller"
	"github.com/trestle-go/trestle/examples/flaskish/internal/rates"
	"github.com/trestle-go/trestle/httpbridge"
)

// freshness says how far what it stands beside can be trusted.
type freshness struct {
	AsOf         string   `json:"as_of"` // of the fixing
	Source       string   `json:"source"`
	Stale        bool     `json:"stale"`
	StaleReason  []string `json:"stale_reason,omitempty"`
	FailingSince string   `json:"failing_since,omitempty"`
}

type tableView struct {
	Base string `json:"base"`
	freshness
	Rates map[string]quoteView `json:"rates"`
}

type quoteView struct {
	Rate string `json:"rate"` // as published; a string, so that nobody rounds it
	AsOf string `json:"as_of"`
}

func (a *App) viewTable(s httpbridge.Seen) any {
	t, _ := s.Value.(rates.Table)
	v := tableView{Base: rates.Euro, freshness: a.freshness(t, s.Stale), Rates: make(map[string]quoteView, len(t.Quotes()))}
	for _, q := range t.Quotes() {
		v.Rates[q.Currency] = viewQuote(q)
	}
	return v
}

func viewQuote(q rates.Quote) quoteView {
	return quoteView{Rate: q.Text, AsOf: q.Date.Format(time.DateOnly)}
}

func (a *App) freshness(t rates.Table, stale []string) freshness {
	f := freshness{AsOf: t.Date.Format(time.DateOnly), Source: t.Source, Stale: len(stale) > 0, StaleReason: stale}
	if h, _, _ := a.Rates.Health.Load(); h.Failing {
		f.FailingSince = h.Since.UTC().Format(time.RFC3339)
	}
	return f
}

// current returns the latest table and the reasons for which it is stale.
func (a *App) current() (rates.Table, []string, error) {
	t, at, ok := a.Rates.Latest.Load()
	if !ok {
		return t, nil, httpbridge.NoValueYet(a.retryAfter())
	}
	var stale []string
	if time.Since(at) > a.staleAfter() {
		stale = append(stale, httpbridge.StalePoll)
	}
	if time.Since(t.Date) > dataStaleAfter {
		stale = append(stale, httpbridge.StaleData)
	}
	return t, stale, nil
}

func (a *App) rate(w http.ResponseWriter, r *http.Request) {
	t, stale, err := a.current()
	if err != nil {
		a.fail(w, r, err)
		return
	}
	q, err := t.Quote(r.PathValue("currency"))
	if err != nil {
		a.fail(w, r, problemOf(err))
		return
	}
	f := a.freshness(t, stale)
	f.AsOf = q.Date.Format(time.DateOnly)
	a.send(w, r, struct {
		Base     string `json:"base"`
		Currency string `json:"currency"`
		Rate     string `json:"rate"`
		freshness
	}{rates.Euro, q.Currency, q.Text, f})
}

func (a *App) convert(w http.ResponseWriter, r *http.Request) {
	t, stale, err := a.current()
	if err != nil {
		a.fail(w, r, err)
		return
	}
	query := r.URL.Query()
	for _, name := range []string{"from", "to", "amount"} {
		if len(query[name]) != 1 {
			a.fail(w, r, &httpbridge.Problem{Status: http.StatusBadRequest, Detail: "The parameter " + name + " is needed, once.", Extensions: map[string]any{"parameter": name}})
			return
		}
	}
	c, err := t.Convert(query.Get("from"), query.Get("to"), query.Get("amount"))
	if err != nil {
		a.fail(w, r, problemOf(err))
		return
	}
	f := a.freshness(t, stale)
	f.AsOf = c.Date.Format(time.DateOnly)
	a.send(w, r, struct {
		From   string `json:"from"`
		To     string `json:"to"`
		Amount string `json:"amount"`
		Rate   string `json:"rate"`
		Result string `json:"result"`
		freshness
	}{c.From, c.To, c.Amount, c.Rate, c.Result, f})
}

// problemOf maps what the arithmetic says to what HTTP says.
func problemOf(err error) error {
	var unknown *rates.UnknownCurrencyError
	var amount *rates.AmountError
	switch {
	case errors.As(err, &unknown):
		return &httpbridge.Problem{Status: http.StatusNotFound, Title: "Unknown currency", Detail: "There is no such currency in the table.", Extensions: map[string]any{"currency": unknown.Currency}}
	case errors.As(err, &amount):
		return &httpbridge.Problem{Status: http.StatusBadRequest, Title: "Bad amount", Detail: "The amount must be a decimal number such as 100 or 12.50.", Extensions: map[string]any{"amount": amount.Amount}}
	}
	return err
}

func (a *App) send(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}

// homeView is what the page shows.
type homeView struct {
	Ready, PollStale, DataStale bool
	Table                       rates.Table
	Health                      poller.HealthReport
	From, To, Amount            string
	Conversion                  *rates.Conversion
	Problem                     string
	Currencies                  []string
}

func (a *App) home(w http.ResponseWriter, r *http.Request) {
	v := homeView{From: "USD", To: "JPY", Amount: "100"}
	t, stale, err := a.current()
	if err == nil {
		v.Ready, v.Table = true, t
		for _, s := range stale {
			v.PollStale = v.PollStale || s == httpbridge.StalePoll
			v.DataStale = v.DataStale || s == httpbridge.StaleData
		}
		v.Currencies = append(v.Currencies, rates.Euro)
		for _, q := range t.Quotes() {
			v.Currencies = append(v.Currencies, q.Currency)
		}
	}
	v.Health, _, _ = a.Rates.Health.Load()
	if q := r.URL.Query(); q.Has("from") || q.Has("to") || q.Has("amount") {
		v.From, v.To, v.Amount = q.Get("from"), q.Get("to"), q.Get("amount")
		if c, err := t.Convert(v.From, v.To, v.Amount); err != nil {
			v.Problem = err.Error()
		} else {
			v.Conversion = &c
		}
	}
	var body bytes.Buffer
	if err := page.ExecuteTemplate(&body, "page.html", v); err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(body.Bytes()) // the client may have gone
}
