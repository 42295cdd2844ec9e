package eventual

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrPending stands in a DeferredList's outcomes for a member that had not fired
// when the list did.
var ErrPending = errors.New("eventual: not done yet")

var (
	errNilDeferred = errors.New("eventual: callback returned a nil Deferred")
	errOwnDeferred = errors.New("eventual: callback returned the Deferred that waits for it")
)

// ListOptions say when a [DeferredList] fires and what it does with failures.
type ListOptions struct {
	FireOnOneCallback bool // fire with the first value; the others' outcomes are ErrPending
	FireOnOneErrback  bool // fail with the first failure
	ConsumeErrors     bool // failures of members are handled by being in the list
}

// DeferredList gives the outcomes of all ds, in their order, once all have fired;
// options make it fire earlier. The members keep their values, and their failures
// unless ConsumeErrors is set. Cancelling the list cancels its members.
func DeferredList[T any](o ListOptions, ds ...*Deferred[T]) *Deferred[[]Outcome[T]] {
	ds = deferreds("DeferredList", ds)
	outcomes := make([]Outcome[T], len(ds))
	for i := range outcomes {
		outcomes[i].Err = ErrPending
	}
	out := NewDeferred(func(*Deferred[[]Outcome[T]]) { cancelAll(ds) })
	if len(ds) == 0 {
		_ = out.Callback(outcomes) // it is the first
		return out
	}
	var mu sync.Mutex // guards outcomes and left; nothing is called under it
	left := len(ds)
	for i, d := range ds {
		d.add(forward[T](func(v T, err error, w *worklist) bool {
			mu.Lock()
			outcomes[i] = Outcome[T]{v, err}
			left--
			early := err == nil && o.FireOnOneCallback
			var all []Outcome[T]
			if left == 0 || early {
				all = append(all, outcomes...)
			}
			mu.Unlock()
			switch {
			case err != nil && o.FireOnOneErrback:
				out.fireInto(nil, deferredError(i, err), w)
			case all != nil:
				out.fireInto(all, nil, w)
			}
			return o.ConsumeErrors
		}))
	}
	return out
}

// GatherResults gives the values of all ds, in their order. The first failure
// fails it, saying whose it was, and cancels the others. The members' failures
// are handled by it. Cancelling it cancels its members.
func GatherResults[T any](ds ...*Deferred[T]) *Deferred[[]T] {
	ds = deferreds("GatherResults", ds)
	list := DeferredList(ListOptions{FireOnOneErrback: true, ConsumeErrors: true}, ds...)
	return ThenDeferred(list, func(all []Outcome[T]) ([]T, error) {
		vs := make([]T, len(all))
		for i, o := range all {
			vs[i] = o.Value
		}
		return vs, nil
	}).AddErrback(func(err error) ([]T, error) {
		cancelAll(ds)
		return nil, err
	})
}

// Winner is the first of a [Race].
type Winner[T any] struct {
	Index int
	Value T
}

// Race gives the first value among ds, with its index, and cancels the others.
// When all fail, its error joins theirs. The members' failures are handled by it.
// Cancelling it cancels its members. A Race of nothing fails.
func Race[T any](ds ...*Deferred[T]) *Deferred[Winner[T]] {
	if len(ds) == 0 {
		return Fail[Winner[T]](errors.New("eventual: Race of no Deferreds"))
	}
	ds = deferreds("Race", ds)
	out := NewDeferred(func(*Deferred[Winner[T]]) { cancelAll(ds) })
	var mu sync.Mutex // guards errs and left; nothing is called under it
	errs := make([]error, len(ds))
	left := len(ds)
	for i, d := range ds {
		d.add(forward[T](func(v T, err error, w *worklist) bool {
			if err == nil {
				if out.fireInto(Winner[T]{i, v}, nil, w) {
					cancelAll(ds)
				}
				return true
			}
			mu.Lock()
			errs[i] = deferredError(i, err)
			left--
			last := left == 0
			mu.Unlock()
			if last {
				out.fireInto(Winner[T]{}, errors.Join(errs...), w)
			}
			return true
		}))
	}
	return out
}

// deferreds is a copy of ds, which is the caller's to change, without nils.
func deferreds[T any](of string, ds []*Deferred[T]) []*Deferred[T] {
	ds = slices.Clone(ds)
	for i, d := range ds {
		if d == nil {
			ds[i] = Fail[T](fmt.Errorf("eventual: %s: nil Deferred", of))
		}
	}
	return ds
}

func deferredError(i int, err error) error { return fmt.Errorf("deferred %d: %w", i, err) }
