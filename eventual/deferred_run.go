package eventual

import (
	"errors"
	"runtime"
)

var errNilErrback = errors.New("eventual: Errback with a nil error")

// worklist holds the Deferreds whose chains are to be run. Whatever a chain
// fires on its own account goes here instead of up the stack, so that a million
// Deferreds behind each other need no more stack than one.
type worklist struct{ next []drainer }

type drainer interface{ drain(w *worklist) }

func (w *worklist) push(d drainer) { w.next = append(w.next, d) }

func (w *worklist) run() {
	for at := 0; at < len(w.next); at++ {
		d := w.next[at]
		w.next[at] = nil
		if at == len(w.next)-1 { // the usual case: use the place again
			w.next, at = w.next[:0], -1
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
	for !d.runBatch(w) {
	}
}

// runBatch runs links until the chain is dry or paused, or one panics. A link
// that ends the goroutine with Goexit ends nothing else: the rest is run from the
// deferred function.
func (d *Deferred[T]) runBatch(w *worklist) (stopped bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		var zero T
		d.value = zero
		if p := recover(); p != nil {
			d.err = Recovered(p)
			return
		}
		d.err = ErrGoexit
		for !d.runBatch(w) {
		}
		w.run()
	}()
	for {
		for d.at < len(d.batch) {
			if d.paused.Load() > 0 {
				break
			}
			l := &d.batch[d.at]
			d.at++
			d.step(l, w)
		}
		if d.refill() {
			returned = true
			return true
		}
	}
}

// step applies one link to the outcome.
func (d *Deferred[T]) step(l *chainLink[T], w *worklist) {
	switch {
	case d.err == nil && l.cb != nil:
		d.value, d.err = l.cb(d.value)
	case d.err != nil && l.eb != nil:
		d.handled()
		d.value, d.err = l.eb(d.err)
	case l.both != nil:
		d.handled()
		d.value, d.err = l.both(d.value, d.err)
	case l.forward != nil:
		if l.forward(d.value, d.err, w) && d.err != nil {
			d.handled()
			var zero T
			d.value, d.err = zero, nil
		}
	}
}

func (d *Deferred[T]) handled() {
	if d.err == nil {
		return
	}
	d.mu.Lock()
	d.handledLocked()
	d.mu.Unlock()
}

// refill takes the links that were added. It reports true when there is nothing
// to run, or the chain is paused, having given up the draining.
func (d *Deferred[T]) refill() (stopped bool) {
	d.mu.Lock()
	if d.paused.Load() > 0 {
		d.links = append(d.batch[d.at:len(d.batch):len(d.batch)], d.links...)
		d.batch, d.at, d.draining = nil, 0, false
		// An Unpause that came before draining was off ran nothing.
		again := d.paused.Load() == 0
		d.draining = again
		d.mu.Unlock()
		return !again
	}
	d.batch, d.at, d.links = d.links, 0, nil
	if len(d.batch) > 0 {
		d.mu.Unlock()
		return false
	}
	d.batch, d.draining = nil, false
	watchers := d.watchers
	d.watchers = nil
	if d.err != nil && d.failure == nil && !errors.Is(d.err, ErrCanceled) {
		d.failure = &failure{err: d.err, component: "a Deferred"}
		runtime.AddCleanup(d, (*failure).report, d.failure)
	}
	d.mu.Unlock()
	for _, f := range watchers {
		contain(f)
	}
	return true
}
