package httpbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/trestle-go/trestle/eventual"
)

// Flight has identical computations that are wanted at the same time done once:
// those with the same key join the one that is in flight. The zero value is ready;
// a Flight must not be copied after first use.
//
//	var reports httpbridge.Flight[string, Report]
//
//	http.Handle("GET /reports/{month}", httpbridge.Handler(func(r *http.Request) *eventual.Result[Report] {
//		month := r.PathValue("month")
//		return reports.Do(r.Context(), month, func(ctx context.Context) *eventual.Result[Report] {
//			return threadpool.DeferToThread(ctx, pool, func(ctx context.Context) (Report, error) { return compute(ctx, month) })
//		})
//	}, httpbridge.HandlerConfig{}))
//
// A flight belongs to none of those who wait for it. golang.org/x/sync/singleflight,
// where the idea is from, runs the first caller's function as the first caller: if
// that client goes away and its ctx ends, all the others fail with it, and if the
// function is kept from seeing that ctx, nothing ends it when all have gone. Here the
// ctx of the computation is nobody's: it has no deadline and none of the values of
// the first request, which is somebody else's request to all others. It ends when the
// last of those who wait has left, and who comes after that begins a new flight.
//
// Nothing is kept: who comes after the end computes again.
type Flight[K comparable, T any] struct {
	mu     sync.Mutex // guards what follows and the members of each flight; nothing is called under it
	flying map[K]*flight[T]
}

type flight[T any] struct {
	ctx    context.Context
	cancel context.CancelFunc
	fan    fan

	// Guarded by Flight.mu.
	members map[*member[T]]struct{}
	res     *eventual.Result[T] // nil until the function has returned it
}

// member is one of those who wait.
type member[T any] struct {
	fl     *flight[T]
	res    *eventual.Result[T]
	settle func(T, error) bool
}

var errFlightNil = errors.New("httpbridge: Flight.Do: nil ctx or function")

// Do returns a result of its own to each caller: the outcome of the flight of key,
// or an error once ctx has ended or that result was cancelled, either of which
// leaves the flight. If there is no flight, start is called, on this goroutine, to
// begin one. All get the same value, which nobody may change, or the same error.
//
// Progress that is reported with the ctx of the flight reaches all of them.
func (f *Flight[K, T]) Do(ctx context.Context, key K, start func(context.Context) *eventual.Result[T]) *eventual.Result[T] {
	if ctx == nil || start == nil {
		return eventual.Failed[T](errFlightNil)
	}
	if ctx.Err() != nil {
		return eventual.Failed[T](errLeft(ctx))
	}
	m := new(member[T])
	m.res, m.settle = eventual.New[T](func() { f.leave(key, m, eventual.ErrCanceled) })
	first := f.join(key, m)
	stop := context.AfterFunc(ctx, func() { f.leave(key, m, errLeft(ctx)) })
	m.res.OnDone(func() { stop() })
	if to, ok := ctx.Value(trackerKey{}).(reporter); ok {
		m.fl.fan.add(to)
		m.res.OnDone(func() { m.fl.fan.remove(to) })
	}
	if first {
		f.launch(key, m.fl, start)
	}
	return m.res
}

func errLeft(ctx context.Context) error {
	return fmt.Errorf("httpbridge: no wait for what is in flight any more: %w", context.Cause(ctx))
}

// join makes m a member of the flight of key, which it may be the first of.
func (f *Flight[K, T]) join(key K, m *member[T]) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.fl = f.flying[key]
	if first = m.fl == nil; first {
		m.fl = &flight[T]{members: make(map[*member[T]]struct{})}
		m.fl.ctx, m.fl.cancel = context.WithCancel(context.Background())
		if f.flying == nil {
			f.flying = make(map[K]*flight[T])
		}
		f.flying[key] = m.fl
	}
	m.fl.members[m] = struct{}{}
	return first
}

// launch begins the computation. Meanwhile members come and go.
func (f *Flight[K, T]) launch(key K, fl *flight[T], start func(context.Context) *eventual.Result[T]) {
	var res *eventual.Result[T]
	err := eventual.ErrGoexit // unless start comes to an end
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
		if res == nil {
			res = eventual.Failed[T](err)
		}
		f.mu.Lock()
		fl.res = res
		deserted := len(fl.members) == 0
		f.mu.Unlock()
		if deserted {
			res.Cancel()
		}
		res.OnDone(func() { f.land(key, fl, res) })
	}()
	res = start(context.WithValue(fl.ctx, trackerKey{}, reporter(&fl.fan)))
	err = errNoResult
}

// land gives the outcome to those who are still there.
func (f *Flight[K, T]) land(key K, fl *flight[T], res *eventual.Result[T]) {
	o, _ := res.Peek()
	f.mu.Lock()
	if f.flying[key] == fl {
		delete(f.flying, key)
	}
	members := fl.members
	fl.members = nil
	f.mu.Unlock()
	fl.cancel()
	for m := range members {
		m.settle(o.Value, o.Err)
	}
}

// leave has m wait no longer. The last to leave ends the computation.
func (f *Flight[K, T]) leave(key K, m *member[T], cause error) {
	fl := m.fl
	f.mu.Lock()
	_, there := fl.members[m]
	delete(fl.members, m)
	last := there && len(fl.members) == 0
	if last && f.flying[key] == fl {
		delete(f.flying, key) // nobody may join what is about to be cancelled
	}
	res := fl.res
	f.mu.Unlock()
	if !there {
		return
	}
	var zero T
	m.settle(zero, cause)
	if last {
		fl.cancel()
		if res != nil {
			res.Cancel()
		}
	}
}

// fan passes progress on to all who want it.
type fan struct {
	mu     sync.Mutex // guards what follows; nothing is called under it
	to     []reporter
	replay func(reporter) // what was reported last; nil if nothing was
}

func (f *fan) add(to reporter) {
	f.mu.Lock()
	f.to = append(f.to, to)
	replay := f.replay
	f.mu.Unlock()
	if replay != nil {
		replay(to)
	}
}

func (f *fan) remove(to reporter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = slices.DeleteFunc(f.to, func(r reporter) bool { return r == to })
}

func (f *fan) report(p Progress)              { f.each(func(to reporter) { to.report(p) }) }
func (f *fan) reportFrom(ask func() Progress) { f.each(func(to reporter) { to.reportFrom(ask) }) }

func (f *fan) each(pass func(reporter)) {
	f.mu.Lock()
	f.replay = pass
	all := slices.Clone(f.to)
	f.mu.Unlock()
	for _, to := range all {
		pass(to)
	}
}
