package eventual

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// All waits for every result and gives their values in the order of rs. The
// first failure fails it at once, saying which result failed, and cancels the
// others. Cancelling it cancels all of them.
func All[T any](rs ...*Result[T]) *Result[[]T] {
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
	return Then(r, func(v T) (U, error) { return f(v), nil })
}

func cancelAll[T any](rs []*Result[T]) {
	for _, r := range rs {
		r.Cancel()
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
