package coiterate_test

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// What programs are written against: this file compiles as long as none of it has
// changed.
var (
	_ = coiterate.Config{Name: "", Slice: time.Duration(0), StepsPerTurn: 0, SlowStep: time.Duration(0), Logger: (*slog.Logger)(nil)}
	_ = coiterate.TaskConfig{Name: "", Weight: 0, Total: int64(0)}
	_ = coiterate.Progress{Done: int64(0), Total: int64(0)}

	_ coiterate.Scheduler = (*reactor.Reactor)(nil)
	_ coiterate.Scheduler = interface {
		Call(f func()) error
		AfterFunc(d time.Duration, f func()) (stop func() bool)
		Busy() bool
	}(nil)

	_ func(coiterate.Scheduler, coiterate.Config) *coiterate.Cooperator                                         = coiterate.New
	_ func(context.Context, *coiterate.Cooperator, iter.Seq[int]) *eventual.Result[struct{}]                    = coiterate.Coiterate[int]
	_ func(context.Context, *coiterate.Cooperator, iter.Seq2[int, error]) *coiterate.Task                       = coiterate.Cooperate[int]
	_ func(context.Context, *coiterate.Cooperator, func(*coiterate.Yielder) (int, error)) *eventual.Result[int] = coiterate.Run[int]
	_ func(iter.Seq[int], func(int) error) iter.Seq2[int, error]                                                = coiterate.Each[int]
	_ func(*coiterate.Yielder, io.Reader) iter.Seq2[string, error]                                              = coiterate.Lines
	_ func(*coiterate.Yielder, io.Reader, int) iter.Seq2[[]byte, error]                                         = coiterate.Chunks

	_ func(*coiterate.Yielder) error                   = (*coiterate.Yielder).Yield
	_ func(*coiterate.Yielder, eventual.Pending) error = (*coiterate.Yielder).Await
	_ func(*coiterate.Yielder, int64, int64)           = (*coiterate.Yielder).Progress

	_ func(*coiterate.Task) error                                             = (*coiterate.Task).Pause
	_ func(*coiterate.Task) error                                             = (*coiterate.Task).Resume
	_ func(*coiterate.Task) error                                             = (*coiterate.Task).Stop
	_ func(*coiterate.Task) *eventual.Result[struct{}]                        = (*coiterate.Task).WhenDone
	_ func(*coiterate.Task) coiterate.Progress                                = (*coiterate.Task).Progress
	_ func(*coiterate.Cooperator)                                             = (*coiterate.Cooperator).Start
	_ func(*coiterate.Cooperator)                                             = (*coiterate.Cooperator).Stop
	_ func(*coiterate.Cooperator) bool                                        = (*coiterate.Cooperator).Running
	_ func(*coiterate.Cooperator) coiterate.Stats                             = (*coiterate.Cooperator).Stats
	_ func(*coiterate.Cooperator, coiterate.TaskConfig) *coiterate.Cooperator = (*coiterate.Cooperator).With

	_ = []error{coiterate.ErrTaskDone, coiterate.ErrTaskFailed, coiterate.ErrTaskStopped, coiterate.ErrNotPaused, coiterate.ErrSchedulerStopped}
)
