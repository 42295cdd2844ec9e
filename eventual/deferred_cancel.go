package eventual

import (
	"errors"
	"sync/atomic"
	"time"
)

// Clock is what timeouts run on: a reactor, or a test's own time.
type Clock interface {
	Now() time.Time
	// AfterFunc has f called once after d. stop prevents that and reports whether
	// it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

var errNilClock = errors.New("eventual: AddTimeout: nil clock")

// cancelStep is one Deferred on the way of a cancel to the innermost pending one.
type cancelStep interface{ cancelOne() (next cancelStep) }

// Cancel asks what is to fire d to stop. Of a chain it reaches the innermost
// Deferred that is pending. There the canceller is called; if it does not fire
// the Deferred, that fails with [ErrCanceled], and one Callback or Errback that
// comes late is ignored. Once d has fired Cancel does nothing.
func (d *Deferred[T]) Cancel() {
	for step := cancelStep(d); step != nil; {
		step = step.cancelOne()
	}
}

func (d *Deferred[T]) cancelOne() (next cancelStep) {
	d.mu.Lock()
	if d.state != unfired {
		d.mu.Unlock()
		return nil
	}
	if d.upstream != nil {
		upstream := d.upstream
		d.mu.Unlock()
		return upstream()
	}
	d.state = cancelling
	canceller := d.canceller
	d.canceller = nil
	d.mu.Unlock()
	defer d.canceled() // also when the canceller ends this goroutine
	if canceller != nil {
		contain(func() { canceller(d) })
	}
	return nil
}

// canceled fires d with [ErrCanceled] unless its canceller has fired it.
func (d *Deferred[T]) canceled() {
	d.mu.Lock()
	if d.state != cancelling {
		d.mu.Unlock()
		return
	}
	var zero T
	d.late = true
	d.firstLocked(zero, ErrCanceled)
}

// give fires d with v for a line that it waited in; it reports false if a Cancel
// came first, and the next in line is to have v.
func (d *Deferred[T]) give(v T) bool {
	d.mu.Lock()
	if d.state != unfired {
		d.mu.Unlock()
		return false
	}
	d.firstLocked(v, nil)
	return true
}

// AddTimeout cancels d unless it has an outcome at this point of its chain once
// after has passed on c. The failure is [ErrTimeout] then. It returns d.
func (d *Deferred[T]) AddTimeout(c Clock, after time.Duration) *Deferred[T] {
	if c == nil {
		return d.AddCallback(func(v T) (T, error) { return v, errNilClock })
	}
	var timedOut atomic.Bool
	stop := c.AfterFunc(after, func() {
		timedOut.Store(true)
		d.Cancel()
	})
	return d.AddBoth(func(v T, err error) (T, error) {
		stop()
		if timedOut.Load() && errors.Is(err, ErrCanceled) {
			err = ErrTimeout
		}
		return v, err
	})
}
