package web

import (
	"errors"
	"net/http"
	"strings"
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
	Rate   string `json:"rate"` // as published; a string, so that nobody rounds it
	AsOf   string `json:"as_of"`
	Change string `json:"change,omitempty"` // per cent since the fixing before
}

func viewTable(s httpbridge.Seen) any {
	t, _ := s.Value.(rates.Table)
	h, _ := s.State.(poller.HealthReport)
	return newTableView(t, newFreshness(t, h, s.Stale))
}

// health is what the table is shown beside.
func (a *App) health() any {
	h, _, _ := a.Rates.Health.Load()
	return h
}

// viewNews is what the page's stream says: the table, and how far it can be trusted.
func viewNews(s httpbridge.Seen) any {
	n, _ := s.Value.(poller.News)
	return newTableView(n.Table, newFreshness(n.Table, n.Health, staleData(n.Table)))
}

func newTableView(t rates.Table, f freshness) tableView {
	v := tableView{Base: rates.Euro, freshness: f, Rates: make(map[string]quoteView, len(t.Quotes()))}
	for _, q := range t.Quotes() {
		v.Rates[q.Currency] = quoteView{q.Text, q.Date.Format(time.DateOnly), q.Change}
	}
	return v
}

func newFreshness(t rates.Table, h poller.HealthReport, stale []string) freshness {
	f := freshness{Source: t.Source, Stale: len(stale) > 0, StaleReason: stale}
	if !t.Date.IsZero() {
		f.AsOf = t.Date.Format(time.DateOnly)
	}
	if h.Failing {
		f.FailingSince = h.Since.UTC().Format(time.RFC3339)
	}
	return f
}

func (a *App) freshness(t rates.Table, stale []string) freshness {
	h, _, _ := a.Rates.Health.Load()
	return newFreshness(t, h, stale)
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
	return t, append(stale, staleData(t)...), nil
}

// staleData is the reason for which the fixing itself is stale, if it is.
func staleData(t rates.Table) []string {
	if !t.Date.IsZero() && time.Since(t.Date) > dataStaleAfter {
		return []string{httpbridge.StaleData}
	}
	return nil
}

func (a *App) rate(w http.ResponseWriter, r *http.Request) {
	t, stale, err := a.current()
	if err != nil {
		a.Site.Fail(w, r, err)
		return
	}
	q, err := t.Quote(r.PathValue("currency"))
	if err != nil {
		a.Site.Fail(w, r, problemOf(err))
		return
	}
	f := a.freshness(t, stale)
	f.AsOf = q.Date.Format(time.DateOnly)
	a.Site.JSON(w, r, http.StatusOK, struct {
		Base     string `json:"base"`
		Currency string `json:"currency"`
		Rate     string `json:"rate"`
		freshness
	}{rates.Euro, q.Currency, q.Text, f})
}

func (a *App) convert(w http.ResponseWriter, r *http.Request) {
	t, stale, err := a.current()
	if err != nil {
		a.Site.Fail(w, r, err)
		return
	}
	query := r.URL.Query()
	for _, name := range []string{"from", "to", "amount"} {
		if len(query[name]) != 1 {
			a.Site.Fail(w, r, &httpbridge.Problem{Status: http.StatusBadRequest, Detail: "The parameter " + name + " is needed, once.", Extensions: map[string]any{"parameter": name}})
			return
		}
	}
	c, err := t.Convert(query.Get("from"), query.Get("to"), query.Get("amount"))
	if err != nil {
		a.Site.Fail(w, r, problemOf(err))
		return
	}
	f := a.freshness(t, stale)
	f.AsOf = c.Date.Format(time.DateOnly)
	a.Site.JSON(w, r, http.StatusOK, struct {
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

// history is what a currency cost on the days that are known, for the chart.
func (a *App) history(w http.ResponseWriter, r *http.Request) {
	type point struct {
		Date string `json:"date"`
		Rate string `json:"rate"`
	}
	known, _, _ := a.Rates.History.Load()
	answer := struct {
		Base     string  `json:"base"`
		Currency string  `json:"currency"`
		Points   []point `json:"points"`
	}{Base: rates.Euro, Currency: strings.ToUpper(r.PathValue("currency"))}
	for _, p := range known.Of(answer.Currency) {
		answer.Points = append(answer.Points, point{p.Date.Format(time.DateOnly), p.Text})
	}
	if answer.Points == nil {
		a.Site.Fail(w, r, problemOf(&rates.UnknownCurrencyError{Currency: answer.Currency}))
		return
	}
	a.Site.JSON(w, r, http.StatusOK, answer)
}

// homeView is what the page shows.
type homeView struct {
	Ready, PollStale, DataStale bool
	Every                       float64 // seconds between two polls
	Table                       rates.Table
	Health                      poller.HealthReport
	From, To, Amount            string
	Conversion                  *rates.Conversion
	Problem                     string
	Currencies                  []string
}

func (a *App) home(w http.ResponseWriter, r *http.Request) {
	v := homeView{From: "USD", To: "JPY", Amount: "100", Every: a.Every.Seconds()}
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
	a.Site.Render(w, r, page, v)
}
