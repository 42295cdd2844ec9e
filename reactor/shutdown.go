package reactor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
	"github.com/trestle-go/trestle/internal/goroutine"
	"github.com/trestle-go/trestle/internal/park"
)

// Phase is a part of the shutdown.
type Phase int

// The phases, in their order.
const (
	// Before the reactor refuses anything: its calls, timers and coroutines still
	// work. Triggers run in reverse order of registration, because the later ones
	// were built on the earlier ones.
	Before Phase = iota
	// During the stop: nothing new is accepted and the ctx of all work is
	// cancelled. Triggers run in order of registration.
	During
	// After the loop has ended. Triggers run in order of registration.
	After
	phases
)

func (p Phase) String() string {
	if p < 0 || p >= phases {
		return fmt.Sprintf("Phase(%d)", int(p))
	}
	return [...]string{"before", "during", "after"}[p]
}

type trigger struct{ f func(context.Context) error }

// triggerRun is a trigger that runs.
type triggerRun struct {
	*trigger
	phase     Phase
	begun     time.Duration
	goroutine int64
}

// OnShutdown has f called in phase p of the shutdown, one function after the
// other, on a goroutine that is not the reactor's: f may block, within the ctx it
// is given, and delays the rest until it returns. Its error or panic is logged
// and joined to what Stop returns; the others run all the same, also when one has
// used up the time: their ctx is done then and they have a tenth of a second. remove
// takes it back. Once phase p has begun it is too late for f, which is logged.
func (r *Reactor) OnShutdown(p Phase, f func(ctx context.Context) error) (remove func()) {
	if p < 0 || p >= phases || f == nil {
		r.log().Error("reactor: OnShutdown: bad argument", "reactor", r.cfg.Name, "phase", p.String(), "nil function", f == nil)
		return func() {}
	}
	t := &trigger{f}
	r.mu.Lock()
	late := p < r.begunPhases
	if !late {
		r.triggers[p] = append(r.triggers[p], t)
	}
	r.mu.Unlock()
	if late {
		r.log().Error("reactor: OnShutdown after that phase has begun: it will not be called", "reactor", r.cfg.Name, "phase", p.String(), "call", funcname.Describe(funcname.PC(f)))
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.triggers[p] = slices.DeleteFunc(r.triggers[p], func(o *trigger) bool { return o == t })
	}
}

// Stop shuts the reactor down and waits for it, as long as ctx allows: the
// triggers of phase Before run; then nothing new is accepted, the ctx of all work
// is cancelled, pending results end with [eventual.ErrStopped] and coroutines are
// unwound; then the loop ends. It returns the errors of triggers.
//
// When ctx is done first, Stop returns an [*eventual.StopError] that says what
// still runs; what waited in the queue has ended with ErrStopped then, and the
// reactor stops as soon as the callback returns. A second Stop waits for the
// first. Called on the reactor's own goroutine or by a trigger, Stop begins the
// shutdown and returns nil at once.
func (r *Reactor) Stop(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("%s: Stop: nil ctx", r.component)
	}
	r.beginStop(ctx)
	if r.inside() {
		return nil
	}
	select {
	case <-r.done:
	default:
		select {
		case <-r.done:
		case <-ctx.Done():
			return r.giveUp()
		}
	}
	return r.shutdownError()
}

// shutdownError is what went wrong, once r has stopped.
func (r *Reactor) shutdownError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopErr
}

// Done is closed when the reactor has stopped.
func (r *Reactor) Done() <-chan struct{} { return r.done }

// beginStop starts the shutdown, once.
func (r *Reactor) beginStop(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state >= stopping {
		return
	}
	r.state = stopping
	go r.shutdown(ctx) // ends when the loop has; each trigger is bounded by ctx
}

func (r *Reactor) shutdown(ctx context.Context) {
	if _, bounded := ctx.Deadline(); !bounded {
		limited, cancel := context.WithTimeout(ctx, r.cfg.StopTimeout)
		defer cancel()
		ctx = limited
	}
	var errs []error
	errs = append(errs, r.runTriggers(ctx, Before)...)
	r.refuse()
	errs = append(errs, r.runTriggers(ctx, During)...)
	r.attn.Or(attnStop)
	r.nudge()
	<-r.ending()
	errs = append(errs, r.runTriggers(ctx, After)...)
	r.mu.Lock()
	r.state = stopped
	r.stopErr = errors.Join(errs...)
	r.mu.Unlock()
	close(r.done)
}

// ending returns what is closed when the loop has ended. A reactor that never ran
// has one now, to end what waits for it.
func (r *Reactor) ending() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended == nil {
		r.ended = make(chan struct{})
		r.meter.begin(r.clock())
		go r.serveAll() // ends at once, for attnStop is set
	}
	return r.ended
}

// triggerGoroutine marks the goroutine of a trigger, on which a Stop of r must
// not wait for itself. It may wait for anything else.
type triggerGoroutine struct{ r *Reactor }

func (triggerGoroutine) BeforePark(any) (func(), error) { return nil, nil }

// inside reports whether the calling goroutine is the loop's, that of a coroutine
// on it, or that of a trigger: one that the shutdown waits for. A reactor driven
// by hand has no other.
func (r *Reactor) inside() bool {
	if r.hand != nil || r.onLoop() {
		return true
	}
	h, ok := park.Find[triggerGoroutine](park.ID())
	return ok && h.r == r
}

// refuse cancels the ctx of all work, so that what is queued does not begin, and makes
// every submission from now on fail: whoever was refused knows that no work with a
// result begins any more.
func (r *Reactor) refuse() {
	r.life.End(r.errStopped)
	r.inbox.mu.Lock()
	r.inbox.closed = true
	r.inbox.mu.Unlock()
}

func (r *Reactor) runTriggers(ctx context.Context, p Phase) (errs []error) {
	r.mu.Lock()
	triggers := slices.Clone(r.triggers[p])
	r.begunPhases = p + 1
	r.mu.Unlock()
	if p == Before {
		slices.Reverse(triggers)
	}
	for _, t := range triggers {
		if err := r.runTrigger(ctx, p, t); err != nil {
			err = fmt.Errorf("%s: shutdown trigger %s, phase %v: %w", r.component, funcname.Describe(funcname.PC(t.f)), p, err)
			r.log().Error("reactor: shutdown trigger failed", "reactor", r.cfg.Name, "phase", p.String(), "error", err)
			errs = append(errs, err)
		}
	}
	return errs
}

// overtime is how long a trigger is waited for whose turn comes when the time of the
// shutdown is up, because another took all of it.
const overtime = 100 * time.Millisecond

// runTrigger runs t on a goroutine of its own: one that ignores ctx cannot keep
// the reactor from stopping. The goroutine ends when t does. t is called also when
// ctx is done already: what it has to close is there all the same.
func (r *Reactor) runTrigger(ctx context.Context, p Phase, t *trigger) error {
	bound, unlimited := ctx, context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		limited, cancel := context.WithTimeout(unlimited, overtime)
		defer cancel()
		bound = limited
	}
	_, err := eventual.Go(unlimited, func(context.Context) (struct{}, error) {
		id := park.Enter(triggerGoroutine{r})
		defer park.Leave(id)
		run := &triggerRun{trigger: t, phase: p, begun: r.clock(), goroutine: id}
		r.mu.Lock()
		r.inTrigger = append(r.inTrigger, run)
		r.mu.Unlock()
		defer r.endedTrigger(run)
		return struct{}{}, t.f(ctx)
	}).WaitContext(bound)
	return err
}

func (r *Reactor) endedTrigger(run *triggerRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inTrigger = slices.DeleteFunc(r.inTrigger, func(o *triggerRun) bool { return o == run })
}

// finished is the last thing that the loop does.
func (r *Reactor) finished() {
	r.endMeter()
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.ended)
}

// teardown ends everything that is pending. A function that is told may end the
// goroutine; the next one then goes on where this one was, which is why what is left
// to do is in r and l and nowhere else.
func (r *Reactor) teardown() {
	l := &r.loop
	l.stopping = true
	r.stopWatchdog()
	before := len(l.doomed)
	l.doomed = l.chunk.from(l.next, l.doomed) // before swap drops it
	r.swap()
	l.doomed = l.chunk.from(0, l.doomed)
	r.rest()
	l.left, l.current = 0, nil
	r.reportDropped(l.doomed[before:])
	l.doomed = append(l.doomed, r.stopTimers()...)
	for len(l.doomed) > 0 {
		t := l.doomed[0]
		l.doomed[0], l.doomed = nil, l.doomed[1:]
		t.abort(r.errStopped)
	}
	l.doomed = nil // however many there were
	r.unwindCoroutines()
	r.live.abortAll(r.errStopped)
	r.publish()
}

// reportDropped tells of calls that will not run: they have no result to say so
// in.
func (r *Reactor) reportDropped(tasks []task) {
	dropped := 0
	for _, t := range tasks {
		if _, ok := t.(call); ok {
			dropped++
		}
	}
	if dropped > 0 {
		r.log().Warn("reactor: stopped before all calls ran", "reactor", r.cfg.Name, "dropped", dropped)
	}
}

// giveUp is called when Stop's ctx is done and something still runs.
func (r *Reactor) giveUp() error {
	if r.refuses() {
		r.inbox.mu.Lock()
		waiting := r.inbox.tasks.first.from(0, r.inbox.taken.first.from(0, nil))
		r.inbox.mu.Unlock()
		for _, t := range waiting { // teardown comes to them again, on the loop, which changes nothing
			if work, ok := t.(interface{ Refuse(cause error) bool }); ok {
				work.Refuse(r.errStopped)
			}
		}
	}
	return &eventual.StopError{Component: r.component, Running: r.stillRunning()}
}

func (r *Reactor) stillRunning() []eventual.Running {
	r.mu.Lock()
	triggers := slices.Clone(r.inTrigger)
	r.mu.Unlock()
	var all []eventual.Running
	for _, t := range triggers {
		all = append(all, eventual.Running{
			Name:      "shutdown trigger of phase " + t.phase.String(),
			Age:       r.clock() - t.begun,
			Submitted: funcname.Describe(funcname.PC(t.f)),
			Stack:     goroutine.Stack(t.goroutine),
		})
	}
	if age := r.meter.awakeFor(r.clock()); age > 0 || len(all) == 0 {
		stack := r.stack()
		all = append(all, eventual.Running{Name: "callback", Age: age, Submitted: submittedIn(stack), Stack: stack})
	}
	return all
}
