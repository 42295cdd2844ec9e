package eventual_test

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// Programs are written against these signatures: whatever changes one of them
// fails to compile here first.
var (
	_ func(func()) (*eventual.Result[int], func(int, error) bool)                                        = eventual.New[int]
	_ func(int) *eventual.Result[int]                                                                    = eventual.Of[int]
	_ func(error) *eventual.Result[int]                                                                  = eventual.Failed[int]
	_ func(context.Context, func(context.Context) (int, error)) *eventual.Result[int]                    = eventual.Go[int]
	_ func(...*eventual.Result[int]) *eventual.Result[[]int]                                             = eventual.All[int]
	_ func(...*eventual.Result[int]) *eventual.Result[[]eventual.Outcome[int]]                           = eventual.Settle[int]
	_ func(...*eventual.Result[int]) *eventual.Result[int]                                               = eventual.First[int]
	_ func(*eventual.Result[int], func(int) (string, error)) *eventual.Result[string]                    = eventual.Then[int, string]
	_ func(*eventual.Result[int], func(int) string) *eventual.Result[string]                             = eventual.Map[int, string]
	_ func(func(error)) func()                                                                           = eventual.OnUnhandled
	_ func(func(*eventual.PanicError)) func()                                                            = eventual.OnPanic
	_ func(*eventual.Result[int], time.Duration) (int, error)                                            = (*eventual.Result[int]).Wait
	_ func(*eventual.Result[int], context.Context) (int, error)                                          = (*eventual.Result[int]).WaitContext
	_ func(*eventual.Result[int]) <-chan struct{}                                                        = (*eventual.Result[int]).Done
	_ func(*eventual.Result[int]) (eventual.Outcome[int], bool)                                          = (*eventual.Result[int]).Peek
	_ func(func(*eventual.Deferred[int])) *eventual.Deferred[int]                                        = eventual.NewDeferred[int]
	_ func(int) *eventual.Deferred[int]                                                                  = eventual.Succeed[int]
	_ func(error) *eventual.Deferred[int]                                                                = eventual.Fail[int]
	_ func(func() (int, error)) *eventual.Deferred[int]                                                  = eventual.Maybe[int]
	_ func(*eventual.Deferred[int], func(int) (string, error)) *eventual.Deferred[string]                = eventual.ThenDeferred[int, string]
	_ func(*eventual.Deferred[int], func(int) *eventual.Deferred[string]) *eventual.Deferred[string]     = eventual.Chain[int, string]
	_ func(eventual.ListOptions, ...*eventual.Deferred[int]) *eventual.Deferred[[]eventual.Outcome[int]] = eventual.DeferredList[int]
	_ func(...*eventual.Deferred[int]) *eventual.Deferred[[]int]                                         = eventual.GatherResults[int]
	_ func(...*eventual.Deferred[int]) *eventual.Deferred[eventual.Winner[int]]                          = eventual.Race[int]
	_ func(int) (*eventual.Semaphore, error)                                                             = eventual.NewSemaphore

	_ eventual.Pending = (*eventual.Result[int])(nil)
	_ eventual.Pending = (*eventual.Deferred[int])(nil)
	_ interface {
		Callback(int) error
		Errback(error) error
		AddCallback(func(int) (int, error)) *eventual.Deferred[int]
		AddErrback(func(error) (int, error)) *eventual.Deferred[int]
		AddCallbacks(func(int) (int, error), func(error) (int, error)) *eventual.Deferred[int]
		AddBoth(func(int, error) (int, error)) *eventual.Deferred[int]
		AddTimeout(eventual.Clock, time.Duration) *eventual.Deferred[int]
		Result() *eventual.Result[int]
		Peek() (eventual.Outcome[int], bool)
		Pause()
		Unpause()
	} = (*eventual.Deferred[int])(nil)
	_ eventual.Locker = (*eventual.Lock)(nil)
	_ eventual.Locker = (*eventual.Semaphore)(nil)
	_ interface {
		Put(int) error
		Get() *eventual.Deferred[int]
	} = &eventual.Queue[int]{Size: 1, Backlog: 1}
	_ interface {
		Set(int)
		Load() (int, time.Time, bool)
		Next() *eventual.Result[int]
		Watch(context.Context) iter.Seq[int]
	} = new(eventual.Latest[int])
	_ interface {
		Put(*eventual.Result[int]) (string, error)
		Retrieve(string) (*eventual.Result[int], error)
	} = &eventual.Stash[int]{TTL: time.Hour, Max: 1}

	_ = eventual.ListOptions{FireOnOneCallback: true, FireOnOneErrback: true, ConsumeErrors: true}
	_ = eventual.Winner[int]{Index: 1, Value: 1}
	_ = eventual.Outcome[int]{Value: 1, Err: nil}
	_ = &eventual.StopError{Running: []eventual.Running{{Name: "", Age: time.Second, Submitted: "", Stack: ""}}}
	_ = &eventual.PanicError{Value: 1, Stack: nil}
	_ = errors.Join(eventual.ErrTimeout, eventual.ErrCanceled, eventual.ErrStopped, eventual.ErrWaitInReactor, eventual.ErrAlreadyCalled, eventual.ErrUnknownID)
)
