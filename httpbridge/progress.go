package httpbridge

import (
	"context"
	"sync"

	"github.com/trestle-go/trestle/eventual"
)

// Progress is how far work has come, by its own account.
type Progress struct {
	Done, Total int64  // in whatever unit. Total 0: it is not known how much there is
	Message     string // what is being done; shown to the client; may be empty
	Data        any    // anything further, sent as JSON; may be nil
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

// tracker keeps the latest progress of one piece of work.
type tracker struct {
	pushed eventual.Latest[Progress]
	mu     sync.Mutex // guards what follows; nothing is called under it
	from   func() Progress
}

func (t *tracker) report(p Progress) { t.pushed.Set(p) }

func (t *tracker) reportFrom(f func() Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from = f
}

// source returns the function that progress is asked of, if there is one.
func (t *tracker) source() func() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.from
}

// load returns the latest progress, if any was ever reported.
func (t *tracker) load() (Progress, bool) {
	if f := t.source(); f != nil {
		return f(), true
	}
	p, _, ok := t.pushed.Load()
	return p, ok
}
