// Package poller keeps a table of rates up to date: a looping call on a reactor
// that fetches a feed, and puts what it gets where blocking handlers find it.
package poller

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/rates"
	"github.com/trestle-go/trestle/reactor"
)

// ECBInterval is the least interval at which the ECB's own server is asked. The
// rates change once a day.
const ECBInterval = 15 * time.Minute

// Config says what to poll.
type Config struct {
	Source string // named to users
	Every  time.Duration
	Least  time.Duration // between two fetches, whatever jitter, back-off and the phase say; zero: no such limit
	Fetch  func(context.Context) *eventual.Result[Fetched]
	Record rates.History // of the days that a replay shows, past and to come; zero: what is fetched is recorded
	Logger *slog.Logger
}

// Least returns how long feed must be left alone between two fetches: ECBInterval
// if it is the ECB's, else 0.
func Least(feed string) time.Duration {
	u, err := url.Parse(feed)
	if err != nil {
		return 0
	}
	if host := strings.ToLower(u.Hostname()); host == "ecb.europa.eu" || strings.HasSuffix(host, ".ecb.europa.eu") {
		return ECBInterval
	}
	return 0
}

// Interval returns every, or ECBInterval if feed is the ECB's and every is less.
func Interval(feed string, every time.Duration) time.Duration { return max(every, Least(feed)) }

// Poller polls. Its exported fields may be read by any goroutine.
type Poller struct {
	Latest  eventual.Latest[rates.Table]   // the last good table, set by each fetch that succeeds
	Health  eventual.Latest[HealthReport]  // set when it changes
	News    eventual.Latest[News]          // set with either
	History eventual.Latest[rates.History] // the days that are known

	cfg  Config
	loop *reactor.LoopingCall

	// Owned by the reactor.
	table   rates.Table
	health  HealthReport
	history rates.History
	asked   time.Time // when the last fetch began
	failing bool
	missing []string
}

// News is what there is to tell those who watch.
type News struct {
	Table  rates.Table // empty before the first
	Health HealthReport
}

// HealthReport says whether fetches succeed.
type HealthReport struct {
	Failing bool
	Since   time.Time // of this state
	Error   string    // of the first failure
}

// New returns a Poller that is not running.
func New(r *reactor.Reactor, cfg Config) *Poller {
	p := &Poller{cfg: cfg, history: cfg.Record}
	p.History.Set(p.history)
	p.loop = reactor.NewLoopingCall(r, p.poll, reactor.LoopOptions{
		Jitter:  0.1,
		BackOff: reactor.BackOff{Initial: max(cfg.Every/2, time.Second/4), Max: max(10*cfg.Every, time.Minute)},
		OnError: func(error, time.Duration) {}, // poll has logged it, once per change of state
	})
	return p
}

// Start begins to poll, at once and then at every interval. The result ends when
// the polling does.
func (p *Poller) Start(ctx context.Context) *eventual.Result[struct{}] {
	return p.loop.Start(ctx, p.cfg.Every, true)
}

// poll is one run, a coroutine on the reactor, which goes on with other things while
// this one awaits the fetch.
func (p *Poller) poll(t *reactor.Tick) error {
	// A retry, or the run after one that came back into phase, may be early.
	if early := p.cfg.Least - time.Since(p.asked); early > 0 {
		if err := t.Sleep(early); err != nil {
			return err
		}
	}
	p.asked = time.Now()
	got, err := reactor.Await(t.Co, p.cfg.Fetch(t.Context()))
	if t.Context().Err() != nil {
		return err // shutting down says nothing about the feed
	}
	p.noteHealth(err)
	if err != nil {
		return err
	}
	if !got.Unchanged {
		var missing []string
		p.table, missing = p.table.Update(got.Days[0], p.cfg.Source)
		p.noteMissing(missing)
		p.history = p.history.With(got.Days...)
		p.History.Set(p.history)
	}
	p.Latest.Set(p.table)
	p.News.Set(News{p.table, p.health})
	return nil
}

// noteHealth logs and publishes a change between working and failing.
func (p *Poller) noteHealth(err error) {
	if (err != nil) == p.failing {
		return
	}
	p.failing = err != nil
	report := HealthReport{Failing: p.failing, Since: time.Now()}
	if err != nil {
		report.Error = err.Error()
		p.cfg.Logger.Warn("feed fails; keeping the last good rates", "source", p.cfg.Source, "error", err)
	} else {
		p.cfg.Logger.Info("feed works again", "source", p.cfg.Source)
	}
	p.health = report
	p.Health.Set(report)
	p.News.Set(News{p.table, report})
}

// noteMissing logs a change of the currencies that the feed has no longer.
func (p *Poller) noteMissing(missing []string) {
	if slices.Equal(missing, p.missing) {
		return
	}
	p.missing = missing
	p.cfg.Logger.Warn("currencies that the feed has no longer keep their last rate", "source", p.cfg.Source, "currencies", missing)
}
