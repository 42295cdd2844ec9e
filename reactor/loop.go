package reactor

import (
	"runtime/trace"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
	"github.com/trestle-go/trestle/internal/park"
)

// attn holds what the loop must notice without being asked: one atomic load
// between two callbacks covers it all. Why the loop never sleeps on what it should
// do, where inbox.mu is the lock that parking takes:
//
//   - attnInbox is set if and only if the inbox has tasks, whenever inbox.mu is free:
//     only post sets it and only swap clears it, both under inbox.mu.
//   - attnLocal belongs to whoever has the loop's turn. It is set while local has
//     tasks, since it is cleared only where local was just seen to be empty, or was
//     emptied into the batch. The loop parks only after refill has found neither bit.
//   - attnTimer and attnStop are set without the lock, and whoever turns one on calls
//     nudge afterwards. If the loop, parking under the lock, does not see the bit, then
//     it has said that it is parked before nudge has the lock, and is woken.
//   - A timer that becomes due while attnTimer is on tells nobody: the nudge of who
//     turned it on is still to come, or the loop is awake. runTimers turns it off
//     before it reads the clock, so that it comes to that timer too.
//   - attnMark asks for nothing that a loop that sleeps would have to do.
const (
	attnInbox uint32 = 1 << iota // tasks wait in the inbox
	attnLocal                    // tasks wait behind the one that runs
	attnTimer                    // a timer is due
	attnMark                     // the watchdog wants to see a callback end
	attnStop                     // stop now; never turned off
)

const attnUrgent = attnTimer | attnMark | attnStop

// timersPerTurn bounds how many due timers run before a call gets its turn.
const timersPerTurn = 64

// publishEvery is how many callbacks may have run before Stats knows of them,
// give or take a batch.
const publishEvery = 256

// loopState belongs to the goroutine that has the loop's turn: the loop itself or
// the coroutine that it has switched to.
type loopState struct {
	chunk      *chunk // being run, from next on
	next       int
	left       int    // tasks of the batch that have not begun, in chunk and behind it
	batch      int    // tasks that the batch had
	naps       uint32 // times that the loop might have yielded instead of parking
	current    task   // that runs, or ran last
	local      queue  // submitted by callbacks on the loop's own goroutine
	spares     spares // for local
	doomed     []task // teardown has to abort
	ran        uint64 // callbacks since the last publish
	stopping   bool   // callbacks may submit no more
	once       bool   // return when there is nothing to do, instead of sleeping
	coroutines coroutines
}

// onLoop reports whether the calling goroutine has the loop's turn: it is the
// loop's own, or that of the coroutine that it has switched to.
func (r *Reactor) onLoop() bool {
	id := park.ID()
	return id == r.loopID.Load() || id == r.coID.Load()
}

// postLocal is post for callbacks: no lock, for nobody else touches local.
func (r *Reactor) postLocal(t task) bool {
	if r.loop.stopping {
		return false
	}
	l := &r.loop
	if l.local.len == 0 {
		r.attn.Or(attnLocal)
	}
	l.local.push(t, &l.spares)
	return true
}

// refuseWaits is the hook of the loop's goroutine and of coroutines on it.
type refuseWaits struct{}

func (refuseWaits) BeforePark(any) (func(), error) { return nil, eventual.ErrWaitInReactor }

// serveAll is the loop. It ends when the reactor has stopped. When a callback
// ends the goroutine with runtime.Goexit, a new goroutine goes on in its place.
func (r *Reactor) serveAll() {
	id := park.Enter(refuseWaits{})
	r.loopID.Store(id)
	ended := false
	defer func() {
		park.Leave(id)
		if !ended {
			r.log().Error("reactor: callback called runtime.Goexit", "reactor", r.cfg.Name, "call", origin(r.loop.current))
			go r.serveAll() // ended by Stop, as this one would have been
		}
	}()
	for !r.serve() {
	}
	ended = true
	r.loopID.Store(0)
	r.finished()
}

// serve runs tasks until one panics or the reactor stops. There is one deferred
// function for all tasks instead of one for each: what must survive a panic is in
// r.loop.
func (r *Reactor) serve() (stopped bool) {
	running := true
	defer func() {
		if !running {
			return
		}
		r.attn.Or(attnTimer) // due timers may have been left
		if v := recover(); v != nil {
			r.panics.Add(1)
			r.log().Error("reactor: callback panicked", "reactor", r.cfg.Name, "call", origin(r.loop.current), "panic", eventual.Recovered(v))
		}
	}()
	l := &r.loop
	for {
		if r.attn.Load()&attnUrgent != 0 && r.attend() {
			running = false
			return true
		}
		if l.left == 0 && !r.refill() {
			if l.once {
				r.rest()
				r.publish()
				running = false
				return true
			}
			r.park()
			continue
		}
		if l.next == int(l.chunk.len) {
			r.nextChunk()
		}
		t := l.chunk.tasks[l.next]
		l.current = t
		l.next++
		l.left--
		l.ran++
		if l.left == 0 && l.local.len == 0 && r.attn.Load()&attnLocal != 0 {
			r.attn.And(^attnLocal)
		}
		r.runTask(t)
	}
}

func (r *Reactor) runTask(t task) {
	if trace.IsEnabled() {
		r.traced(t)
	} else {
		t.run()
	}
}

// refill makes all that waits the new batch: what others submitted, then what
// callbacks submitted, so that neither can starve the other.
func (r *Reactor) refill() bool {
	l := &r.loop
	if l.ran >= publishEvery {
		r.publish()
	}
	if r.attn.Load()&(attnInbox|attnLocal) == 0 { // leave the lock alone
		return false
	}
	r.swap()
	switch {
	case l.left > 1:
		r.attn.Or(attnLocal)
	case r.attn.Load()&attnLocal != 0:
		r.attn.And(^attnLocal)
	}
	return l.left > 0
}

// attend answers the urgent bits of attn; it reports whether the loop is to end.
func (r *Reactor) attend() (stop bool) {
	a := r.attn.Load()
	if a&attnMark != 0 {
		r.attn.And(^attnMark)
	}
	if a&attnStop != 0 {
		r.teardown()
		return true
	}
	if a&attnTimer != 0 {
		r.runTimers()
	}
	return false
}

// origin names the function that t was submitted as, and where it is written.
func origin(t task) string {
	switch t := t.(type) {
	case call:
		return funcname.Describe(funcname.PC(t))
	case interface{ Func() uintptr }:
		return funcname.Describe(t.Func())
	}
	return ""
}

// publish makes the loop's own counts visible to Stats, and lets go of what ran
// last.
func (r *Reactor) publish() {
	r.loop.current = nil
	if r.loop.ran != 0 {
		r.callbacks.Add(r.loop.ran)
		r.loop.ran = 0
	}
}
