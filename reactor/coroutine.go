package reactor

import (
	"context"
	"iter"
	"runtime"
	"runtime/trace"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
	"github.com/trestle-go/trestle/internal/park"
)

// Inline runs fn as a coroutine on r: straight-line code that gives the reactor
// back wherever it awaits, sleeps or yields, and goes on when the reactor comes
// round to it again. Exactly one coroutine or callback of r runs at a time, so
// they share state without locks. These are Twisted's inlineCallbacks and
// asyncio's tasks.
//
// Cancelling the result cancels what fn awaits and its ctx. When r stops, the
// result ends with [eventual.ErrStopped] and fn is unwound: what it awaits gives
// that error, and its deferred functions run. fn must not lock its goroutine to
// an operating system thread, and must not use co elsewhere or afterwards.
func Inline[T any](ctx context.Context, r *Reactor, fn func(co *Co) (T, error)) *eventual.Result[T] {
	if err := r.check("Inline", ctx == nil, fn == nil); err != nil {
		return eventual.Failed[T](err)
	}
	return startInline(ctx, r, fn, 0)
}

// startInline is Inline of a function that reports call by the entry pc of
// another, if it is not 0.
func startInline[T any](ctx context.Context, r *Reactor, fn func(co *Co) (T, error), pc uintptr) *eventual.Result[T] {
	j := &inline[T]{co: Co{r: r, parent: ctx}, fn: fn, pc: pc}
	j.Init(ctx, j)
	if !r.post(j) {
		j.abort(r.errStopped)
	}
	return j.Result()
}

// inline is a coroutine with its result.
type inline[T any] struct {
	eventual.Promise[T]
	co Co
	fn func(*Co) (T, error)
	pc uintptr // what to call fn in reports; 0: by its own name
}

// run begins the coroutine, on the loop.
func (j *inline[T]) run() {
	ctx, ok := j.Begin()
	if !ok {
		j.drop()
		return
	}
	j.co.ctx = ctx
	j.co.r.begunCoroutine(&j.co, j)
}

// body is run by the coroutine's goroutine.
func (j *inline[T]) body() {
	defer func() { j.fn = nil }() // also when fn ends the goroutine
	j.Do(j.co.ctx, func(context.Context) (T, error) { return j.fn(&j.co) })
}

func (j *inline[T]) abort(cause error) {
	defer j.drop()
	j.Refuse(cause)
}

// drop lets go of what a result that is kept has no use for.
func (j *inline[T]) drop() { j.fn, j.co.parent = nil, nil }

func (j *inline[T]) unwind(cause error)           { j.Abort(cause) }
func (j *inline[T]) Lifetime() *eventual.Lifetime { return j.co.r.life }

func (j *inline[T]) Func() uintptr {
	if j.pc != 0 {
		return j.pc
	}
	return funcname.PC(j.fn)
}

// Cancel reaches what the coroutine awaits, on the loop.
func (j *inline[T]) Cancel() {
	j.Promise.Cancel()
	j.co.r.post(interruption{&j.co})
}

// coBody is what a coroutine runs.
type coBody interface {
	body()
	unwind(cause error) // ends its result; what it awaits says the same
	Func() uintptr      // what was submitted
}

// What a coroutine's goroutine says when it hands the turn back.
type handback int

const (
	suspended handback = iota // it waits in suspend
	finished                  // the body has ended; the goroutine is free for another
	exited                    // the body called runtime.Goexit; the goroutine is ending
)

// thread is a goroutine for coroutines, made by iter.Pull and used again for the
// next body, because making one costs more than a short body does.
type thread struct {
	id    int64
	next  func() (handback, bool)
	stop  func()
	yield func(handback) bool
	task  coBody
}

// keepThreads bounds the idle threads that are kept.
const keepThreads = 64

// coroutines belongs to whoever has the loop's turn.
type coroutines struct {
	live []*Co // each at its own index
	idle []*thread
}

// newThread makes a thread that runs the body it is given at each next. Its
// goroutine ends by stop: when it is one too many, when the loop tears down, or
// after a Goexit.
func (r *Reactor) newThread() *thread {
	t := new(thread)
	t.next, t.stop = iter.Pull(func(yield func(handback) bool) {
		t.id, t.yield = park.Enter(refuseWaits{}), yield
		r.coID.Store(t.id) // the first resume did not know it
		defer park.Leave(t.id)
		returned := true
		defer func() {
			if !returned {
				// Goexit would go on in whoever called next, and end the loop's
				// goroutine. Say so instead, and let somebody else end this one.
				yield(exited)
			}
		}()
		for ok := true; ok; ok = yield(finished) {
			if trace.IsEnabled() {
				r.label() // stays with the goroutine, which runs nothing else
			}
			returned = false
			t.task.body()
			returned = true
		}
	})
	return t
}

// begunCoroutine gives co a thread and runs it until it first suspends.
func (r *Reactor) begunCoroutine(co *Co, b coBody) {
	cs := &r.loop.coroutines
	var t *thread
	if n := len(cs.idle); n > 0 {
		t, cs.idle[n-1] = cs.idle[n-1], nil
		cs.idle = cs.idle[:n-1]
	} else {
		t = r.newThread()
	}
	t.task, co.thread, co.index = b, t, len(cs.live)
	cs.live = append(cs.live, co)
	r.coLive.Add(1)
	r.resume(co)
}

// resume gives co the turn until it hands it back.
func (r *Reactor) resume(co *Co) {
	t := co.thread
	r.coID.Store(t.id)
	s, _ := t.next()
	r.coID.Store(0)
	if s == suspended {
		return
	}
	r.endedCoroutine(co)
	cs := &r.loop.coroutines
	switch {
	case s == exited:
		go t.stop() // ends with the coroutine's goroutine, at once; the Goexit goes on here
	case len(cs.idle) < keepThreads && !r.loop.stopping:
		cs.idle = append(cs.idle, t)
	default:
		t.stop()
	}
}

func (r *Reactor) endedCoroutine(co *Co) {
	if co.unwatch != nil {
		co.unwatch()
		co.unwatch = nil // it holds the caller's ctx
	}
	cs := &r.loop.coroutines
	last := len(cs.live) - 1
	cs.live[co.index] = cs.live[last]
	cs.live[co.index].index = co.index
	cs.live[last] = nil
	cs.live = cs.live[:last]
	co.thread.task, co.thread, co.ctx, co.parent, co.wakeup = nil, nil, nil, nil, nil
	r.coLive.Add(-1)
}

// unwindCoroutines ends every coroutine: what it awaits gives ErrStopped.
func (r *Reactor) unwindCoroutines() {
	cs := &r.loop.coroutines
	for len(cs.live) > 0 {
		co := cs.live[len(cs.live)-1]
		co.thread.task.unwind(r.errStopped)
		r.resume(co)
	}
	for _, t := range cs.idle {
		t.stop()
	}
	cs.idle = nil
}

// patience is how often a coroutine that was cancelled, or is being unwound, may
// ask for the turn to be taken from it, each time getting the reason why not,
// before it is ended by a Goexit: it would hold the reactor for ever.
const patience = 100

// suspend hands the turn back and returns when the coroutine has it again, which w
// sees to. The error says that it was cancelled or that the reactor stops.
func (co *Co) suspend(w *wakeup) error {
	co.watch()
	co.suspended = true
	co.thread.yield(suspended)
	co.suspended = false
	if w.co != nil { // something else was first
		w.co, co.wakeup = nil, nil
	}
	return co.interrupted()
}

// refuse counts what ready refuses.
func (co *Co) refuse(why error) error {
	if co.refused++; co.refused == patience {
		runtime.Goexit()
	}
	return why
}
