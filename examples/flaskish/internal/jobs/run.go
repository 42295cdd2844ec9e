package jobs

import (
	"context"
	"os"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/compute"
	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/threadpool"
)

// Pools are where jobs run.
type Pools struct {
	Processes  *procpool.Pool
	Threads    *threadpool.Pool
	Cooperator *coiterate.Cooperator
}

// task is a job as it crosses to a worker process.
type task struct {
	Spec  compute.Spec
	Crash string // one of Crashes, or ""
}

// progress is how far a job is, and where.
type progress struct {
	Done float64 // 0 to 1
	PID  int     // of the process it runs in
}

// inWorker is the job of a worker process. It is registered in a package variable,
// so that this program has it whether it is the server or one of its workers.
var inWorker = procpool.Register("flaskish.job", func(ctx context.Context, t task) (compute.Outcome, error) {
	return straight(ctx, t, func(done float64) {
		_ = procpool.Progress(ctx, progress{done, os.Getpid()}) // the result would not arrive either
	})
})

// start has t run where it is to, and report called with its progress, by any
// goroutine. The three do the same steps.
func (p Pools) start(ctx context.Context, where string, t task, report func(progress)) *eventual.Result[compute.Outcome] {
	here := func(done float64) { report(progress{done, os.Getpid()}) }
	switch where {
	case Process:
		return procpool.DeferWithProgress(ctx, p.Processes, inWorker, t, report)
	case Thread:
		return threadpool.DeferToThread(ctx, p.Threads, func(ctx context.Context) (compute.Outcome, error) {
			return straight(ctx, t, here)
		})
	default:
		return coiterate.Run(ctx, p.Cooperator, func(y *coiterate.Yielder) (compute.Outcome, error) {
			return p.inTurns(ctx, y, t, here)
		})
	}
}

// straight does t from the beginning to the end, and looks now and then whether it
// is still wanted.
func straight(ctx context.Context, t task, report func(float64)) (compute.Outcome, error) {
	run, err := t.Spec.Begin()
	if err != nil {
		return compute.Outcome{}, err
	}
	tell := everyPercent(report)
	step := 0
	for done := range run.Steps() {
		if step++; step%64 == 0 {
			if err := context.Cause(ctx); err != nil {
				return compute.Outcome{}, err
			}
		}
		tell(done)
		if t.Crash != "" && done > crashAt {
			crash(t.Crash)
		}
	}
	return run.Outcome()
}

// inTurns does t on the reactor: after each step it may be others' turn. What takes
// long at a stretch, the picture, is made by a thread.
func (p Pools) inTurns(ctx context.Context, y *coiterate.Yielder, t task, report func(float64)) (compute.Outcome, error) {
	run, err := t.Spec.Begin()
	if err != nil {
		return compute.Outcome{}, err
	}
	tell := everyPercent(report)
	for done := range run.Steps() {
		tell(done)
		if err := y.Yield(); err != nil {
			return compute.Outcome{}, err
		}
	}
	picture := threadpool.DeferToThread(ctx, p.Threads, func(context.Context) (compute.Outcome, error) { return run.Outcome() })
	if err := y.Await(picture); err != nil {
		return compute.Outcome{}, err
	}
	o, _ := picture.Peek()
	return o.Value, o.Err
}

// everyPercent passes on the first report, the last, and one for each percent
// between.
func everyPercent(report func(float64)) func(float64) {
	next := 0.0
	return func(done float64) {
		if done >= next || done == 1 {
			next = done + 0.01
			report(done)
		}
	}
}

const crashAt = 0.4

// crash ends this process, which is a worker, in one of the ways in which bugs do.
func crash(how string) {
	switch how {
	case "kill": // as the system does when memory is short
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
	case "panic": // on a goroutine of a library's, where nobody recovers
		go func() { panic("a bug in a library, on a goroutine of its own") }()
	}
	if how != "exit" {
		time.Sleep(5 * time.Second) // the end comes from elsewhere
	}
	os.Exit(3)
}
