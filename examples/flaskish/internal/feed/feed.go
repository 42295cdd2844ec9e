// Package feed is a stand-in for the ECB's server: it replays real trading days
// on the loopback interface, so that the program works, and its rates move,
// without a network.
package feed

import (
	"bytes"
	_ "embed" // the history
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/ecb"
)

//go:embed eurofxref-hist-90d.xml
var history []byte

// Where the files are served: as by the ECB.
const (
	Path        = "/stats/eurofxref/eurofxref-daily.xml"
	HistoryPath = "/stats/eurofxref/eurofxref-hist-90d.xml"
)

// Replay serves one day after the other, the oldest first, and begins again
// after the last. Each GET that is not answered with 304 goes on by a day.
type Replay struct {
	// Drip is how long the history takes to be sent: the loopback interface is
	// faster than anything one would do in the background. Zero: no time. Not to be
	// changed once requests come.
	Drip time.Duration

	days []ecb.Day // oldest first

	mu   sync.Mutex // guards next; nothing is called under it
	next int
}

// NewReplay returns a Replay of the embedded history.
func NewReplay() (*Replay, error) {
	days, err := ecb.Parse(bytes.NewReader(history))
	if err != nil {
		return nil, fmt.Errorf("feed: embedded history: %w", err)
	}
	slices.Reverse(days)
	return &Replay{days: days}, nil
}

// Days returns the days that are replayed, the oldest first.
func (p *Replay) Days() []ecb.Day { return p.days }

// ServeHTTP answers GET of the daily file and of the history.
func (p *Replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case Path:
		p.daily(w, r)
	case HistoryPath:
		p.drip(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *Replay) daily(w http.ResponseWriter, r *http.Request) {
	day := p.day(r)
	var body bytes.Buffer
	_ = day.Write(&body) // a Buffer takes everything
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("ETag", tag(day))
	http.ServeContent(w, r, "", day.Date.Add(15*time.Hour), bytes.NewReader(body.Bytes()))
}

// drip sends the history in so many pieces, evenly over p.Drip.
func (p *Replay) drip(w http.ResponseWriter, r *http.Request) {
	const pieces = 20
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(history)))
	for piece := range slices.Chunk(history, (len(history)+pieces-1)/pieces) {
		select {
		case <-time.After(p.Drip / pieces):
		case <-r.Context().Done():
			return
		}
		if _, err := w.Write(piece); err != nil {
			return // the client has gone
		}
		_ = http.NewResponseController(w).Flush() // only a recorder in a test cannot
	}
}

// day returns the day to answer r with. A GET by one who has that day already is
// answered with 304, and uses none up.
func (p *Replay) day(r *http.Request) ecb.Day {
	p.mu.Lock()
	defer p.mu.Unlock()
	day := p.days[p.next]
	if r.Method == http.MethodGet && r.Header.Get("If-None-Match") != tag(day) {
		p.next = (p.next + 1) % len(p.days)
	}
	return day
}

func tag(d ecb.Day) string { return `"` + d.Date.Format(time.DateOnly) + `"` }
