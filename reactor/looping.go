package reactor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
)

// LoopingCall calls a function again and again at an interval, as a coroutine: it
// may await a fetch without holding the reactor, and never overlaps itself. Runs
// that come too late are skipped and the phase is kept: a call every 30 s that
// once takes 70 s goes on at 90 s. The name and the semantics are Twisted's.
//
// Make one with [NewLoopingCall]. Its methods may be called by any goroutine.
type LoopingCall struct {
	r  *Reactor
	fn func(*Tick) error
	o  LoopOptions

	mu      sync.Mutex // guards what follows; nothing is called under it
	current *loopRun   // nil while it is not running
}

// Tick is what a LoopingCall's function is given: its coroutine, and how many
// intervals have passed since the run before.
type Tick struct {
	*Co
	Count int // at least 1; more if runs were skipped
}

// LoopOptions are the options of a LoopingCall. With the zero value there is no
// jitter and an error ends the loop.
type LoopOptions struct {
	// Jitter delays each run by a random part of this share of the interval, 0 to
	// 1, so that many pollers do not fall into step. The phase stays as it is.
	Jitter float64
	// BackOff keeps the loop alive after errors.
	BackOff BackOff
	// OnError is told of each error that back-off survives, on the reactor's
	// goroutine, with the time until the next try. Zero: it is logged.
	OnError func(err error, next time.Duration)
}

// NewLoopingCall returns a LoopingCall of fn that is not running.
func NewLoopingCall(r *Reactor, fn func(t *Tick) error, o LoopOptions) *LoopingCall {
	return &LoopingCall{r: r, fn: fn, o: o}
}

// Start begins to call the function every interval: at once if now is true, else
// after the first interval. An interval of 0 calls it as often as the reactor
// comes round to it.
//
// The result ends with success when Stop is called, with ctx's cause when ctx
// ends, and with the function's error or panic unless back-off is on. Starting
// one that runs fails.
func (l *LoopingCall) Start(ctx context.Context, interval time.Duration, now bool) *eventual.Result[struct{}] {
	if err := l.check(ctx, interval); err != nil {
		return eventual.Failed[struct{}](err)
	}
	run := &loopRun{l: l, interval: interval, now: now}
	l.mu.Lock()
	if l.current != nil {
		l.mu.Unlock()
		return eventual.Failed[struct{}](fmt.Errorf("%s: LoopingCall.Start: running already", l.r.component))
	}
	l.current = run
	l.mu.Unlock()
	res := startInline(ctx, l.r, run.loop, funcname.PC(l.fn))
	res.OnDone(run.ended) // also when it never began
	return res
}

func (l *LoopingCall) check(ctx context.Context, interval time.Duration) error {
	err := l.r.check("LoopingCall.Start", ctx == nil, l.fn == nil)
	switch {
	case err != nil:
		return err
	case interval < 0:
		return fmt.Errorf("%s: LoopingCall.Start: interval %v is negative", l.r.component, interval)
	case l.o.Jitter < 0 || l.o.Jitter > 1:
		return fmt.Errorf("%s: LoopOptions.Jitter is %v, want 0 to 1", l.r.component, l.o.Jitter)
	}
	if err := l.o.BackOff.check(); err != nil {
		return fmt.Errorf("%s: LoopOptions.%w", l.r.component, err)
	}
	return nil
}

// Stop ends the loop with success: at once if it waits for the next run, else
// when the run that is in progress returns. One that was started and has not begun
// ends without a run. It does nothing if it is not running.
func (l *LoopingCall) Stop() {
	if run := l.running(); run != nil {
		run.stopped.Store(true) // here and now: one that has not begun is not to
		run.tell(func() {})
	}
}

// Reset has the next run come one interval from now, and the phase with it.
func (l *LoopingCall) Reset() {
	if run := l.running(); run != nil {
		run.tell(func() { run.start, run.last, run.reset = l.r.clock(), 0, true })
	}
}

// Running reports whether the loop was started and has not ended.
func (l *LoopingCall) Running() bool { return l.running() != nil }

func (l *LoopingCall) running() *loopRun {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// loopRun is a LoopingCall between Start and its end. All but the first group
// belongs to whoever has the loop's turn.
type loopRun struct {
	l        *LoopingCall
	interval time.Duration
	now      bool
	stopped  atomic.Bool // set by anybody

	co      *Co
	start   time.Duration // zero of the phase
	last    int64         // intervals from start to the last run
	fails   int           // in a row
	waiting bool          // for the next run, and nothing else
	reset   bool          // start was moved, and the next run with it
}

// tell has change called on the loop, and wakes the run if it waits for the next
// one.
func (run *loopRun) tell(change func()) {
	r := run.l.r
	r.post(call(func() {
		change()
		if run.waiting {
			r.resume(run.co)
		}
	}))
}

func (run *loopRun) ended() {
	run.l.mu.Lock()
	defer run.l.mu.Unlock()
	if run.l.current == run {
		run.l.current = nil
	}
}

func (run *loopRun) loop(co *Co) (struct{}, error) {
	// The loop is over when this returns, not only when its result is told.
	defer run.ended()
	if run.stopped.Load() { // before it began
		return struct{}{}, nil
	}
	run.co, run.start, run.reset = co, co.r.clock(), false
	if run.now {
		run.last = -1
	} else if err := run.wait(run.interval, false); err != nil || run.stopped.Load() {
		return struct{}{}, err
	}
	for {
		err := run.call()
		if run.stopped.Load() {
			return struct{}{}, err
		}
		wait, onTime := run.next(), true
		switch {
		case err == nil:
			run.fails = 0
		case !run.l.o.BackOff.on() || co.interrupted() != nil:
			return struct{}{}, err
		default:
			run.fails++
			wait, onTime = run.l.o.BackOff.delay(run.fails), false
			run.report(err, wait)
		}
		if err := run.wait(wait, onTime); err != nil || run.stopped.Load() {
			return struct{}{}, err
		}
	}
}

// call makes one run. A panic is its error; a Goexit ends the coroutine.
func (run *loopRun) call() (err error) {
	count := max(run.elapsed()-run.last, 1)
	run.last = max(run.elapsed(), run.last+1)
	if run.interval == 0 {
		count = 1
	}
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
	}()
	return run.l.fn(&Tick{Co: run.co, Count: int(count)})
}

// elapsed counts the intervals from start to now.
func (run *loopRun) elapsed() int64 {
	if run.interval == 0 {
		return 0
	}
	return int64((run.co.r.clock() - run.start) / run.interval)
}

// next is the time until the next run, in phase.
func (run *loopRun) next() time.Duration {
	if run.interval == 0 {
		return 0
	}
	sinceStart := run.co.r.clock() - run.start
	return run.interval - sinceStart%run.interval
}

// wait sleeps, as long as it takes, until the next run: a reset, also one during
// the run before, begins the interval anew; a stop ends it.
func (run *loopRun) wait(d time.Duration, jittered bool) error {
	for {
		if run.reset {
			run.reset, d = false, run.next()
		}
		if jittered {
			d += jitter(run.l.o.Jitter, run.interval)
		}
		run.waiting = true
		var err error
		var slept bool
		if d > 0 {
			slept, err = run.co.sleep(d)
		} else {
			err, slept = run.co.Yield(), true
		}
		run.waiting = false
		if run.stopped.Load() {
			return nil
		}
		if err != nil || slept && !run.reset {
			return err
		}
	}
}

// report tells of an error that the loop survives.
func (run *loopRun) report(err error, next time.Duration) {
	if f := run.l.o.OnError; f != nil {
		f(err, next)
		return
	}
	args := []any{"reactor", run.l.r.cfg.Name, "retry_in", next, "error", err}
	if p := (*eventual.PanicError)(nil); errors.As(err, &p) {
		args = append(args, "stack", string(p.Stack))
	}
	run.l.r.log().Warn("reactor: looping call failed", args...)
}
