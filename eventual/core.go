package eventual

import (
	"sync"
	"sync/atomic"
)

// The states of a result. They only ever go forward:
//
//	queued -> running -> done      work that was started, or is refused, which takes
//	                               both steps under mu
//	queued -> done                 work that was settled in the queue
//	running -> done                results of New, which have no queue
//
// where done is one of the last two.
const (
	queued    uint32 = iota // not started; Cancel ends it here and it never starts
	running                 // started, or made by New
	succeeded               // the value is there and never changes again
	failed                  // the failure is there and never changes again
)

// canceled is a flag of core: Cancel was called, so its holder knows how this ends.
const canceled uint32 = 1

// core is the part of a Result that does not depend on its type: the state, who
// waits, and whom a cancel goes to.
type core struct {
	state   atomic.Uint32 // running by a compare-and-swap; done under mu, and only after the outcome was written
	flags   atomic.Uint32
	mu      sync.Mutex   // guards the end, and the three fields below; no user code and no wake-up runs under it
	links   *link        // who wants to know, newest first
	owner   Work         // where a cancel goes; nil when nobody cares, and once done
	ctx     *workContext // the work's, if it has one; nil once done
	failure *failure     // why it failed; written once, before state becomes done
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

func (c *core) isDone() bool { return c.state.Load() >= succeeded }

// add has l told when the result is done; it reports false if it is done
// already, and l is not told then.
func (c *core) add(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isDone() {
		return false
	}
	c.addLocked(l)
	return true
}

func (c *core) addLocked(l *link) {
	l.next = c.links
	if l.next != nil {
		l.next.prev = l
	}
	c.links = l
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
	c.addLocked(l)
	return l.closes
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (c *core) currentOwner() Work {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owner
}

func (c *core) cancel() {
	if owner := c.currentOwner(); owner != nil {
		c.flags.Store(canceled)
		owner.Cancel()
	}
}

func (c *core) onDone(f func()) {
	if !c.add(&link{call: f}) {
		contain(f)
	}
}
