package eventual

import (
	"errors"
	"sync/atomic"
)

// ThenDeferred returns a Deferred with what f makes of the value of d; a failure
// of d is passed on. It takes the failure of d over. Cancelling it cancels d.
func ThenDeferred[T, U any](d *Deferred[T], f func(T) (U, error)) *Deferred[U] {
	if d == nil || f == nil {
		return Fail[U](errors.New("eventual: ThenDeferred: nil Deferred or function"))
	}
	out := &Deferred[U]{upstream: func() cancelStep { return d }}
	d.add(forward[T](func(v T, err error, w *worklist) bool {
		var u U
		if err == nil {
			u, err = call(func() (U, error) { return f(v) }, func(err error) { out.fireInto(u, err, w) })
		}
		out.fireInto(u, err, w)
		return true
	}))
	return out
}

// Chain returns a Deferred with the outcome of the Deferred that f returns for
// the value of d; a failure of d is passed on. It takes the failures of both
// over. Cancelling it cancels whichever of the two is pending.
func Chain[T, U any](d *Deferred[T], f func(T) *Deferred[U]) *Deferred[U] {
	if d == nil || f == nil {
		return Fail[U](errors.New("eventual: Chain: nil Deferred or function"))
	}
	var inner atomic.Pointer[Deferred[U]]
	var wanted atomic.Bool // a cancel came while d had fired and inner was not there yet
	out := &Deferred[U]{upstream: func() cancelStep {
		if in := inner.Load(); in != nil {
			return in
		}
		wanted.Store(true)
		if in := inner.Load(); in != nil {
			return in
		}
		return d
	}}
	d.add(forward[T](func(v T, err error, w *worklist) bool {
		var zero U
		if err != nil {
			out.fireInto(zero, err, w)
			return true
		}
		in, err := call(func() (*Deferred[U], error) { return f(v), nil }, func(err error) { out.fireInto(zero, err, w) })
		switch {
		case err != nil:
		case in == nil:
			err = errNilDeferred
		case in == out:
			err = errOwnDeferred
		}
		if err != nil {
			out.fireInto(zero, err, w)
			return true
		}
		inner.Store(in)
		in.addInto(forward[U](func(u U, err error, w *worklist) bool {
			out.fireInto(u, err, w)
			return true
		}), w)
		if wanted.Load() {
			in.Cancel()
		}
		return true
	}))
	return out
}

// call calls f and turns its panic into an error. If f ends the goroutine, exited
// is told, because call does not return then.
func call[U any](f func() (U, error), exited func(error)) (u U, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			err = Recovered(p)
			return
		}
		exited(ErrGoexit)
	}()
	u, err = f()
	returned = true
	return u, err
}
