package httpbridge

import (
	"context"
	"sync"
)

// Progress is how far work has come, by its own account.
type Progress struct {
	Done, Total int64  // in whatever unit. Total 0: it is not known how much there is
	Message     string // what is being done; shown to the client; may be empty
	Data        any    // anything further, sent as JSON and so not to be changed; may be nil
}

// Percent returns how much is done, from 0 to 100; ok is false if that is not
// known.
func (p Progress) Percent() (percent float64, ok bool) {
	if p.Total <= 0 {
		return 0, false
	}
	return 100 * min(max(float64(p.Done)/float64(p.Total), 0), 1), true
}

// Report says how far work has come. ctx is that of the request that started the
// work, or any ctx derived from it, so the ctx that a pool gives to a job will do.
// What is reported shows in the result resource of the work and its events. If
// there is none, because the client waits for the result itself, Report does
// nothing and costs next to nothing. It may be called by any goroutine and never
// blocks.
func Report(ctx context.Context, p Progress) {
	if t, ok := ctx.Value(trackerKey{}).(reporter); ok {
		t.report(p)
	}
}

// ReportFrom is [Report] for work that keeps account of its own progress and is
// asked for it, such as a task of coiterate: f is called whenever somebody wants
// to know, by any goroutine, and must not block.
func ReportFrom(ctx context.Context, f func() Progress) {
	if t, ok := ctx.Value(trackerKey{}).(reporter); ok && f != nil {
		t.reportFrom(f)
	}
}

// trackerKey finds, in the ctx of a request, who wants to know about progress.
type trackerKey struct{}

type reporter interface {
	report(Progress)
	reportFrom(func() Progress)
}

// tracker keeps the latest progress of one piece of work, and tells those who
// follow it when to look again.
type tracker struct {
	mu       sync.Mutex // guards what follows; nothing is called under it
	latest   Progress
	reported bool
	source   func() Progress // asked instead of latest; may be nil
	changed  chan struct{}   // closed by the next change; nil until asked for
}

func (t *tracker) report(p Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latest, t.reported = p, true
	t.changeLocked()
}

func (t *tracker) reportFrom(f func() Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.source, t.reported = f, true
	t.changeLocked()
}

// change has those who follow look again, because something else has changed.
func (t *tracker) change() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changeLocked()
}

func (t *tracker) changeLocked() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// next returns a channel that is closed by the next change. What changes after the
// call is not missed.
func (t *tracker) next() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}

// load returns the latest progress, if any was ever reported. It asks the source,
// if there is one, which does not tell of its changes.
func (t *tracker) load() (p Progress, asked, ok bool) {
	t.mu.Lock()
	p, ok = t.latest, t.reported
	source := t.source
	t.mu.Unlock()
	if source != nil {
		return source(), true, ok
	}
	return p, false, ok
}
