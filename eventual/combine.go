package eventual

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// All waits for every result and gives their values in the order of rs. The
// first failure fails it at once, saying which result failed, and cancels the
// others. Cancelling it cancels all of them.
func All[T any](rs ...*Result[T]) *Result[[]T] {
	rs = members("All", rs)
	out, settle := New[[]T](func() { cancelAll(rs) })
	if len(rs) == 0 {
		settle(nil, nil)
		return out
	}
	left := countdown(len(rs))
	for i, r := range rs {
		r.OnDone(func() {
			if _, err := r.look(); err != nil {
				if settle(nil, memberError(i, err)) {
					cancelAll(rs)
				}
				return
			}
			if left.down() {
				vs := make([]T, len(rs))
				for i, r := range rs {
					vs[i] = r.value
				}
				settle(vs, nil)
			}
		})
	}
	return out
}

// Settle waits for every result to end, one way or the other, and gives all
// their outcomes in the order of rs. It never fails. Cancelling it cancels all
// of them.
func Settle[T any](rs ...*Result[T]) *Result[[]Outcome[T]] {
	rs = members("Settle", rs)
	out, settle := New[[]Outcome[T]](func() { cancelAll(rs) })
	if len(rs) == 0 {
		settle(nil, nil)
		return out
	}
	left := countdown(len(rs))
	for _, r := range rs {
		r.OnDone(func() {
			if !left.down() {
				return
			}
			all := make([]Outcome[T], len(rs))
			for i, r := range rs {
				all[i].Value, all[i].Err = r.look()
			}
			settle(all, nil)
		})
	}
	return out
}

// First gives the value of the first result to succeed and cancels the others.
// When all fail, its error joins theirs in the order of rs. Cancelling it
// cancels all of them. First of nothing fails.
func First[T any](rs ...*Result[T]) *Result[T] {
	if len(rs) == 0 {
		return Failed[T](errors.New("eventual: First of no results"))
	}
	rs = members("First", rs)
	out, settle := New[T](func() { cancelAll(rs) })
	left := countdown(len(rs))
	for _, r := range rs {
		r.OnDone(func() {
			if v, err := r.look(); err == nil {
				if settle(v, nil) {
					cancelAll(rs)
				}
				return
			}
			if left.down() {
				errs := make([]error, len(rs))
				for i, r := range rs {
					_, err := r.look()
					errs[i] = memberError(i, err)
				}
				var zero T
				settle(zero, errors.Join(errs...))
			}
		})
	}
	return out
}

// Then gives what f makes of the value of r; a failure of r is passed on and f
// is not called. f runs on the goroutine that completes r, so it must not block.
// Its panic becomes a [PanicError]. Cancelling the new result cancels r.
func Then[T, U any](r *Result[T], f func(T) (U, error)) *Result[U] {
	if r == nil || f == nil {
		return Failed[U](errThenNil)
	}
	out, settle := New[U](r.Cancel)
	r.OnDone(func() {
		var u U
		v, err := r.look()
		if err != nil {
			settle(u, err)
			return
		}
		returned := false
		defer func() {
			if returned {
				settle(u, err)
			} else if p := recover(); p != nil {
				settle(u, Recovered(p))
			} else {
				settle(u, ErrGoexit)
			}
		}()
		u, err = f(v)
		returned = true
	})
	return out
}

// Map is [Then] for a function that cannot fail.
func Map[T, U any](r *Result[T], f func(T) U) *Result[U] {
	if f == nil {
		return Failed[U](errThenNil)
	}
	return Then(r, func(v T) (U, error) { return f(v), nil })
}

var errThenNil = errors.New("eventual: Then or Map: nil result or function")

// members is a copy of rs, which is the caller's to change, without nils.
func members[T any](of string, rs []*Result[T]) []*Result[T] {
	rs = slices.Clone(rs)
	for i, r := range rs {
		if r == nil {
			rs[i] = Failed[T](fmt.Errorf("eventual: %s: nil result", of))
		}
	}
	return rs
}

// cancelAll cancels all of ps, also when a canceller ends this goroutine.
func cancelAll[P Pending](ps []P) {
	at := 0
	defer func() {
		if at < len(ps) {
			cancelAll(ps[at:])
		}
	}()
	for at < len(ps) {
		at++
		ps[at-1].Cancel()
	}
}

func memberError(i int, err error) error { return fmt.Errorf("result %d: %w", i, err) }

// counter tells the last of so many events.
type counter struct{ left atomic.Int64 }

func countdown(n int) *counter {
	c := new(counter)
	c.left.Store(int64(n))
	return c
}

func (c *counter) down() (last bool) { return c.left.Add(-1) == 0 }
