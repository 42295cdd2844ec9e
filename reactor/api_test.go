package reactor_test

import (
	"context"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

type (
	ctxFunc = func(context.Context) (int, error)
	result  = *eventual.Result[int]
)

// Programs are written against these signatures: whatever changes one of them
// fails to compile here first.
var (
	_ func(reactor.Config) *reactor.Reactor                                                         = reactor.New
	_ func() *reactor.Reactor                                                                       = reactor.Default
	_ func(*reactor.Reactor) error                                                                  = reactor.SetDefault
	_ func(context.Context, *reactor.Reactor, ctxFunc) result                                       = reactor.RunInReactor[int]
	_ func(context.Context, *reactor.Reactor, time.Duration, ctxFunc) (int, error)                  = reactor.WaitFor[int]
	_ func(context.Context, *reactor.Reactor, ctxFunc) (int, error)                                 = reactor.BlockingCallFromThread[int]
	_ func(context.Context, *reactor.Reactor, time.Duration, ctxFunc) result                        = reactor.DeferLater[int]
	_ func(*reactor.Reactor, result) *eventual.Deferred[int]                                        = reactor.Deferred[int]
	_ func(func(context.Context, *reactor.Reactor) error) int                                       = reactor.React
	_ func(context.Context, *reactor.Reactor, func(*reactor.Co) (int, error)) result                = reactor.Inline[int]
	_ func(*reactor.Co, reactor.Awaitable[int]) (int, error)                                        = reactor.Await[int]
	_ func(*reactor.Reactor, func(*reactor.Tick) error, reactor.LoopOptions) *reactor.LoopingCall   = reactor.NewLoopingCall
	_ func(context.Context, *reactor.Reactor, func(context.Context) *eventual.Deferred[int]) result = reactor.RunDeferred[int]

	_ reactor.Awaitable[int] = result(nil)
	_ reactor.Awaitable[int] = (*eventual.Deferred[int])(nil)
	_ eventual.Clock         = (*reactor.Reactor)(nil)
	_ interface {
		Start()
		Run(context.Context) error
		Stop(context.Context) error
		Call(func()) error
		CallLater(time.Duration, func()) *reactor.DelayedCall
		CallAt(time.Time, func()) *reactor.DelayedCall
		OnShutdown(reactor.Phase, func(context.Context) error) func()
		AddReader(syscall.Conn, func()) (func(), error)
		AddWriter(syscall.Conn, func()) (func(), error)
		OnSignal(func(os.Signal), ...os.Signal) func()
		Busy() bool
		Stats() reactor.Stats
	} = (*reactor.Reactor)(nil)
	_ interface {
		Cancel() bool
		Reset(time.Duration) bool
		Delay(time.Duration) bool
		Active() bool
		Time() time.Time
	} = (*reactor.DelayedCall)(nil)
	_ interface {
		Context() context.Context
		Sleep(time.Duration) error
		Yield() error
	} = (*reactor.Co)(nil)
	_ interface {
		Start(context.Context, time.Duration, bool) *eventual.Result[struct{}]
		Stop()
		Reset()
		Running() bool
	} = (*reactor.LoopingCall)(nil)

	_ = reactor.Config{Name: "", Logger: (*slog.Logger)(nil), StallThreshold: time.Second}
	_ = []reactor.Phase{reactor.Before, reactor.During, reactor.After}
	_ = reactor.Tick{Co: nil, Count: 1}
	_ = reactor.LoopOptions{Jitter: 0, BackOff: reactor.BackOff{}}
)
