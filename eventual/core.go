package eventual

import (
	"sync"
	"sync/atomic"
)

// The states of a result. They only ever go forward:
//
//	queued -> running -> done      work that was started
//	queued -> done                 work that was settled or refused in the queue
//	running -> done                results of New, which have no queue
//
// where done is one of the last two.
const (
	queued    uint32 = iota // not started; Cancel ends it here and it never starts
	running                 // started, or made by New
	succeeded               // the value is there and never changes again
	failed                  // the failure is there and never changes again

	phases uint32 = 3 // which of these it is
)

// Flags of a result that is not done. While one is on, the state is none of the
// constants above, so whoever goes from one of these to the next finds out.
const (
	watched  uint32 = 4 << iota // links may have somebody to tell
	canceled                    // Cancel was called, so its holder knows how this ends
)

// core is the part of a Result that does not depend on its type: the state, who
// waits, and whom a cancel goes to.
//
// The state comes last, beside the value and what else the record of a job has: it is
// on one cache line with what running the job touches.
type core struct {
	mu      sync.Mutex   // guards links, owner, ctx and failure, and every end but that of SettleIn; no user code and no wake-up runs under it
	links   *link        // who wants to know, newest first
	owner   Work         // where a cancel goes; nil when nobody cares
	ctx     *workContext // the work's, if it has one; not kept once done if that is an allocation of its own
	failure *failure     // why it failed; written once, before state becomes done
	state   atomic.Uint32
	assists bool // owner was an assistant from the beginning; immutable
}

// link is one party to tell when the result is done: a parked waiter, a function
// or everybody who holds the channel of Done. It is linked both ways so that a
// waiter that gives up takes itself out at once.
type link struct {
	next, prev *link
	call       func()        // OnDone
	wake       chan struct{} // a waiter's, with one slot, so that waking it never blocks
	closes     chan struct{} // Done's
}

func (c *core) isDone() bool { return c.state.Load()&phases >= succeeded }

// mark turns flag on; it reports false if the result is done.
func (c *core) mark(flag uint32) bool {
	for {
		s := c.state.Load()
		if s&phases >= succeeded {
			return false
		}
		if s&flag != 0 || c.state.CompareAndSwap(s, s|flag) {
			return true
		}
	}
}

// start takes the result from queued to running; it reports false if it is not queued.
func (c *core) start() bool {
	for {
		s := c.state.Load()
		if s&phases != queued {
			return false
		}
		if c.state.CompareAndSwap(s, s&^phases|running) {
			return true
		}
	}
}

// add has l told when the result is done; it reports false if it is done
// already, and l is not told then.
func (c *core) add(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addLocked(l)
}

// addLocked marks first: whoever ends the result either finds the mark, and waits for
// mu, or was there before.
func (c *core) addLocked(l *link) bool {
	if !c.mark(watched) {
		return false
	}
	l.next = c.links
	if l.next != nil {
		l.next.prev = l
	}
	c.links = l
	return true
}

// remove takes l out of line. It reports false when l was told or is about to
// be, because the result is done.
func (c *core) remove(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isDone() {
		return false
	}
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		c.links = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	l.next, l.prev = nil, nil
	return true
}

// finishLocked publishes the outcome, whose value the caller has written, and
// returns what to do once mu is free.
func (c *core) finishLocked(err error) finish {
	end := succeeded
	if err != nil {
		c.failLocked(err)
		end = failed
	}
	after := finish{links: c.links, ctx: c.ctx}
	c.links, c.ctx, c.owner = nil, nil, nil
	c.state.Store(end)
	return after
}

// finish is what remains to be done after a result was published.
type finish struct {
	links *link // newest first
	ctx   *workContext
}

// run ends the work's ctx and tells those who want to know, in the order in
// which they came.
func (f finish) run() {
	if f.ctx != nil {
		f.ctx.end()
	}
	var oldest *link
	for l := f.links; l != nil; {
		next := l.next
		l.next, l.prev = oldest, nil
		oldest, l = l, next
	}
	if oldest != nil {
		tell(oldest)
	}
}

func tell(l *link) {
	defer func() {
		if l != nil { // a function ended this goroutine; the others are told all the same
			tell(l)
		}
	}()
	for l != nil {
		this := l
		l, this.next = l.next, nil // a woken waiter may use its link again at once
		switch {
		case this.wake != nil:
			this.wake <- struct{}{}
		case this.closes != nil:
			close(this.closes)
		default:
			contain(this.call)
		}
	}
}

// doneChan returns the channel of Done, making it when the result is pending.
func (c *core) doneChan() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isDone() {
		return closedChan
	}
	for l := c.links; l != nil; l = l.next {
		if l.closes != nil {
			return l.closes
		}
	}
	l := &link{closes: make(chan struct{})}
	if !c.addLocked(l) {
		return closedChan
	}
	return l.closes
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// currentOwner is nil once the result is done.
func (c *core) currentOwner() Work {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isDone() {
		return nil
	}
	return c.owner
}

func (c *core) cancel() {
	if owner := c.currentOwner(); owner != nil && c.mark(canceled) {
		owner.Cancel()
	}
}

func (c *core) onDone(f func()) {
	if !c.add(&link{call: f}) {
		contain(f)
	}
}
