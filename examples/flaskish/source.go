package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/feed"
	"github.com/trestle-go/trestle/examples/flaskish/internal/rates"
)

// feedSource is what is polled.
type feedSource struct {
	name, url string
	record    rates.History // of the days that an embedded feed replays
	archive   string        // URL of the history that the download page fetches
}

// openFeed returns what to poll, and the server of this program that stands in for
// the ECB's: it is polled when there is no URL, and has the history anyway.
func openFeed(rawURL string, drip time.Duration) (src feedSource, stop func(), err error) {
	if rawURL != "" {
		u, err := url.Parse(rawURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return src, nil, fmt.Errorf("-feed %q: want an http or https URL", rawURL)
		}
		src = feedSource{name: u.Host, url: rawURL}
	}
	replay, err := feed.NewReplay()
	if err != nil {
		return src, nil, err
	}
	replay.Drip = drip
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return src, nil, fmt.Errorf("embedded feed: %w", err)
	}
	base := "http://" + l.Addr().String()
	if rawURL == "" {
		src = feedSource{name: "the embedded replay", url: base + feed.Path, record: rates.NewHistory(replay.Days()...)}
	}
	src.archive = base + feed.HistoryPath
	srv := &http.Server{Handler: replay, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		_ = srv.Serve(l) // always ErrServerClosed or a closed listener's
	}()
	stop = func() {
		_ = srv.Close() // nothing is lost with it
		<-done
	}
	return src, stop, nil
}
