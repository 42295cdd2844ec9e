package eventual

import (
	"sync"
	"sync/atomic"
)

// Deferred is the callback side of a value that will exist, for code that lives
// on a reactor: a chain of callbacks and errbacks of which each gets what the one
// before gave. The semantics are Twisted's.
//
// A Deferred fires once, by Callback or Errback. Its chain then runs on the
// goroutine that fired it; what is added later runs at once where it is added. A
// callback that returns an error, or panics, hands over to the next errback; an
// errback that returns no error hands back to the callbacks. The methods may be
// called by any goroutine, and callbacks of one Deferred never overlap.
//
// A failure that reaches the end of the chain and is still there when the
// Deferred becomes garbage is reported, see [OnUnhandled], unless it is that of a
// cancel. Make one with
// [NewDeferred], [Succeed], [Fail] or [Maybe]; the zero value is a pending one
// without a canceller.
type Deferred[T any] struct {
	paused atomic.Int32               // Pauses not taken back; the chain stands still while positive
	shown  atomic.Pointer[Outcome[T]] // for those who look again, without mu; set under it, and nil unless the chain is dry

	mu        sync.Mutex // guards all that follows; no callback runs under it
	state     deferredState
	draining  bool // a goroutine is running the chain; it alone takes links and uses the outcome then
	late      bool // cancelled before it fired: one Callback or Errback more is not an error
	looked    bool // somebody has looked since the chain ran dry
	queue     linkQueue
	failure   *failure
	canceller func(*Deferred[T])
	upstream  func() cancelStep // for one that a chain feeds: whom a cancel goes to instead
	watchers  watchers
	value     T
	err       error
}

// The states of a Deferred. They only ever go forward.
type deferredState uint8

const (
	unfired    deferredState = iota
	cancelling               // its canceller is running
	fired
)

// NewDeferred returns a Deferred that has not fired. canceller, which may be nil,
// is called once by the first Cancel before it has fired; it may fire it.
func NewDeferred[T any](canceller func(*Deferred[T])) *Deferred[T] {
	return &Deferred[T]{canceller: canceller}
}

// Succeed returns a Deferred that has fired with v.
func Succeed[T any](v T) *Deferred[T] { return &Deferred[T]{state: fired, value: v} }

// Fail returns a Deferred that has fired with err.
func Fail[T any](err error) *Deferred[T] {
	d := new(Deferred[T])
	_ = d.Errback(err) // it is the first
	return d
}

// Maybe calls fn and returns a Deferred that has fired with what it gave, its
// panic included.
func Maybe[T any](fn func() (T, error)) *Deferred[T] {
	var v T
	return Succeed(v).AddCallback(func(T) (T, error) { return fn() })
}

// Callback fires d with the value v. It returns [ErrAlreadyCalled] if d has
// fired; after a Cancel it is accepted once and has no effect.
func (d *Deferred[T]) Callback(v T) error { return d.fire(v, nil) }

// Errback fires d with the failure err; see Callback. A nil err is an error of
// the caller's and fires d with one that says so.
func (d *Deferred[T]) Errback(err error) error {
	var zero T
	if err == nil {
		err = errNilErrback
	}
	return d.fire(zero, err)
}

func (d *Deferred[T]) fire(v T, err error) error {
	d.mu.Lock()
	if d.state == fired {
		defer d.mu.Unlock()
		return d.againLocked()
	}
	d.firstLocked(v, err)
	return nil
}

// fireInto fires d and leaves the running of its chain to w.
func (d *Deferred[T]) fireInto(v T, err error, w *worklist) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == fired {
		return d.againLocked() == nil
	}
	d.setLocked(v, err)
	w.push(d)
	return true
}

// againLocked is firing d once more, which after a Cancel is accepted once.
func (d *Deferred[T]) againLocked() error {
	if !d.late {
		return ErrAlreadyCalled
	}
	d.late = false
	return nil
}

func (d *Deferred[T]) setLocked(v T, err error) {
	d.state = fired
	d.canceller, d.upstream = nil, nil
	d.value, d.err = v, err
}

// firstLocked gives d its first outcome, unlocks mu and runs the chain.
func (d *Deferred[T]) firstLocked(v T, err error) {
	d.setLocked(v, err)
	if d.queue.emptyLocked() && d.paused.Load() == 0 { // spare it the draining
		dry := d.dryUpLocked()
		d.mu.Unlock()
		dry.tell()
		return
	}
	d.draining = true
	d.mu.Unlock()
	var w worklist
	d.runDry(&w)
	w.run()
}

// AddCallback appends cb for the values; failures pass it by. It returns d.
func (d *Deferred[T]) AddCallback(cb func(T) (T, error)) *Deferred[T] {
	return d.add(callback[T](cb))
}

// AddErrback appends eb for the failures; values pass it by. It returns d.
func (d *Deferred[T]) AddErrback(eb func(error) (T, error)) *Deferred[T] {
	return d.add(errback[T](eb))
}

// AddCallbacks appends cb for the values and eb for the failures of what came
// before, as one step: eb does not see the failure of cb. It returns d.
func (d *Deferred[T]) AddCallbacks(cb func(T) (T, error), eb func(error) (T, error)) *Deferred[T] {
	return d.add(pair[T]{cb, eb})
}

// AddBoth appends f for values and failures. It returns d.
func (d *Deferred[T]) AddBoth(f func(T, error) (T, error)) *Deferred[T] {
	return d.add(both[T](f))
}

// add appends l, which is one of the kinds of links, and runs it if its turn has
// come.
func (d *Deferred[T]) add(l any) *Deferred[T] {
	return d.addInto(l, nil)
}

// addInto is add, but leaves the running to w unless that is nil.
func (d *Deferred[T]) addInto(l any, w *worklist) *Deferred[T] {
	d.mu.Lock()
	d.queue.addLocked(l)
	run := d.state == fired && !d.draining
	if d.state == fired {
		d.looked = false
		d.shown.Store(nil)
	}
	d.mu.Unlock()
	switch {
	case !run:
	case w != nil:
		w.push(d)
	default:
		d.runChain()
	}
	return d
}

// Pause lets the chain stand still after the callback that is running, until each
// Pause was taken back by an Unpause.
func (d *Deferred[T]) Pause() { d.paused.Add(1) }

// Unpause takes one Pause back. The last one lets the chain go on, here. Without
// a Pause it does nothing.
func (d *Deferred[T]) Unpause() {
	for {
		n := d.paused.Load()
		if n == 0 {
			return
		}
		if d.paused.CompareAndSwap(n, n-1) {
			if n == 1 {
				d.runChain()
			}
			return
		}
	}
}

// OnDone has f called once when d has fired and its chain has run dry, on the
// goroutine that ran it, or at once if that is so already.
func (d *Deferred[T]) OnDone(f func()) {
	d.mu.Lock()
	if d.dryLocked() {
		d.mu.Unlock()
		contain(f)
		return
	}
	d.watchers.add(f)
	d.mu.Unlock()
}

// Peek returns the outcome if d has fired and its chain has run dry. A failure
// that was returned counts as looked at. The second look, and those that follow, at
// the same outcome find a copy of it for which they need no lock.
func (d *Deferred[T]) Peek() (Outcome[T], bool) {
	if o := d.shown.Load(); o != nil && d.paused.Load() == 0 {
		return *o, true
	}
	return d.look()
}

func (d *Deferred[T]) look() (o Outcome[T], ok bool) {
	d.mu.Lock()
	if ok = d.dryLocked(); ok {
		d.seenLocked()
		o = Outcome[T]{d.value, d.err}
		if d.looked && d.shown.Load() == nil {
			shown := o
			d.shown.Store(&shown)
		}
		d.looked = true
	}
	d.mu.Unlock()
	return o, ok
}

func (d *Deferred[T]) dryLocked() bool {
	return d.state == fired && !d.draining && d.queue.emptyLocked() && d.paused.Load() == 0
}

func (d *Deferred[T]) seenLocked() {
	if d.failure != nil {
		d.failure.seen.Store(true)
	}
}

// Result returns the blocking side: a Result with the outcome that the chain has
// at this point. It takes the failure over; cancelling it cancels d.
func (d *Deferred[T]) Result() *Result[T] {
	r, settle := New[T](d.Cancel)
	d.add(forward[T](func(v T, err error, _ *worklist) bool {
		settle(v, err)
		return true
	}))
	return r
}
