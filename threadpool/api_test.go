package threadpool_test

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// What programs are written against: this file compiles as long as none of it has
// changed.
var (
	_ = threadpool.Config{
		Name: "", Min: 0, Max: 0, IdleTimeout: time.Duration(0), QueueLimit: 0, BlockWhenFull: false, Stopped: false,
		LockOSThread: false, CPUs: []int(nil), Nice: 0, OnThreadStart: func() error { return nil }, OnThreadStop: func() {},
		SlowJob: time.Duration(0), Logger: (*slog.Logger)(nil),
	}
	_ func(threadpool.Config) (*threadpool.Pool, error) = threadpool.New

	_ func(*threadpool.Pool)                                                  = (*threadpool.Pool).Start
	_ func(*threadpool.Pool, context.Context) error                           = (*threadpool.Pool).Stop
	_ func(*threadpool.Pool, int, int) error                                  = (*threadpool.Pool).AdjustPoolSize
	_ func(*threadpool.Pool) threadpool.Stats                                 = (*threadpool.Pool).Stats
	_ func(*threadpool.Pool, context.Context, func(context.Context)) error    = (*threadpool.Pool).CallInThread
	_ func(*threadpool.Pool, context.Context, ...func(context.Context)) error = (*threadpool.Pool).CallMultipleInThread
	_ interface {
		CallInThread(ctx context.Context, f func(context.Context)) error
	} = (*threadpool.Pool)(nil)
	_ error = threadpool.ErrQueueFull

	_ func(context.Context, *threadpool.Pool, func(int, error), func(context.Context) (int, error)) error = threadpool.CallInThreadWithCallback[int]
	_ func(context.Context, *threadpool.Pool, func(context.Context) (int, error)) *eventual.Result[int]   = threadpool.DeferToThread[int]

	_ func(context.Context, *threadpool.Pool, iter.Seq[int], func(context.Context, int) (string, error)) iter.Seq2[string, error] = threadpool.Map[int, string]
)
