package eventual

import (
	"errors"
	"runtime"
)

var errNilErrback = errors.New("eventual: Errback with a nil error")

// worklist holds the Deferreds whose chains are to be run. Whatever a chain
// fires on its own account goes here instead of up the stack, so that a million
// Deferreds behind each other need no more stack than one.
type worklist struct {
	next []drainer
	at   int // the first that was not begun
}

type drainer interface{ drain(w *worklist) }

func (w *worklist) push(d drainer) { w.next = append(w.next, d) }

func (w *worklist) run() {
	for w.at < len(w.next) {
		d := w.next[w.at]
		w.next[w.at] = nil
		if w.at++; w.at == len(w.next) { // the usual case: use the place again
			w.next, w.at = w.next[:0], 0
		}
		d.drain(w)
	}
}

// runChain runs the chain of d and all that it fires.
func (d *Deferred[T]) runChain() {
	var w worklist
	d.drain(&w)
	w.run()
}

// drain runs the chain as far as it goes, unless somebody else is doing so: they
// see what was added meanwhile.
func (d *Deferred[T]) drain(w *worklist) {
	d.mu.Lock()
	if d.draining || d.state != fired {
		d.mu.Unlock()
		return
	}
	d.draining = true
	d.mu.Unlock()
	d.runDry(w)
}

// runDry runs the chain until it is dry, and tells those who want to know, or
// until it is paused.
func (d *Deferred[T]) runDry(w *worklist) {
	var dry watchers
	for stopped := false; !stopped; {
		stopped, dry = d.runBatch(w)
	}
	if dry.none() {
		return
	}
	told := false
	defer func() {
		if !told { // a function ended this goroutine; what is on the list is run all the same
			w.run()
		}
	}()
	dry.tell()
	told = true
}

// runBatch runs links until the chain is dry or paused, or one panics. A link
// that ends the goroutine with Goexit ends nothing else: the rest is run from the
// deferred function.
func (d *Deferred[T]) runBatch(w *worklist) (stopped bool, dry watchers) {
	returned := false
	defer func() {
		if returned {
			return
		}
		var zero T
		d.value, d.err = zero, nil
		if p := recover(); p != nil {
			d.err = Recovered(p)
			return
		}
		if _, forwards := d.queue.begun().(forward[T]); !forwards { // else the failure is that of whom it forwards to
			d.err = ErrGoexit
		}
		d.runDry(w)
		w.run()
	}()
	for {
		q := &d.queue
		for links := q.links(); links != nil && d.paused.Load() == 0; links = q.links() {
			for int(q.at) < len(links) && d.paused.Load() == 0 {
				l := links[q.at]
				q.at++
				if f, ok := l.(callback[T]); ok { // most are
					d.call(f)
				} else {
					d.step(l, w)
				}
			}
		}
		if stopped, dry := d.refill(); stopped {
			returned = true
			return true, dry
		}
	}
}

func (d *Deferred[T]) handled() {
	if d.err == nil {
		return
	}
	d.mu.Lock()
	d.seenLocked()
	d.failure = nil // what comes next is another failure
	d.mu.Unlock()
}

// refill looks for more links to run. It reports true when there is nothing to
// run, or the chain is paused, having given up the draining. dry are those to be
// told that the chain is dry.
func (d *Deferred[T]) refill() (stopped bool, dry watchers) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.paused.Load() > 0 {
		d.draining = false
		// An Unpause that came before draining was off ran nothing.
		d.draining = d.paused.Load() == 0
		return !d.draining, watchers{}
	}
	if d.queue.refillLocked() {
		return false, watchers{}
	}
	d.draining = false
	return true, d.dryUpLocked()
}

// dryUpLocked is called when all links of the chain have run; it returns those to be
// told.
func (d *Deferred[T]) dryUpLocked() (dry watchers) {
	dry, d.watchers = d.watchers, watchers{}
	if d.err != nil && d.failure == nil && !errors.Is(d.err, ErrCanceled) {
		d.failure = &failure{err: d.err, component: "a Deferred"}
		runtime.AddCleanup(d, (*failure).collected, d.failure)
	}
	return dry
}
