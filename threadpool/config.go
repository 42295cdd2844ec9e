package threadpool

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

// Config says how a Pool is to be. The zero value is a pool of up to
// max(4, number of processors) goroutines and an unbounded queue.
type Config struct {
	// Name appears in errors, logs and Stats. Zero: "pool".
	Name string
	// Min workers are kept even if there is nothing to do. Zero: none.
	Min int
	// Max is how many jobs run at once. Zero: max(4, number of processors, Min).
	Max int
	// IdleTimeout is how long a worker above Min may be idle. Zero: 1 minute.
	IdleTimeout time.Duration
	// QueueLimit is how many jobs may wait. Zero: any number.
	QueueLimit int
	// BlockWhenFull has a submission to a full queue wait for room, as long as its
	// ctx allows, instead of failing with ErrQueueFull.
	BlockWhenFull bool
	// Stopped leaves the pool not started: jobs queue up until Start.
	Stopped bool

	// LockOSThread gives each worker an operating system thread of its own for its
	// life: for libraries that keep state in the thread, such as graphics and some
	// database drivers, and for CPUs and Nice. Handing one job to such a worker costs
	// tens of microseconds, a hundred times as much as to a goroutine, and on Linux some
	// microseconds while short jobs follow each other quickly and processors are free; a
	// worker with a backlog takes several at once and pays for none. cgo alone does not
	// need it.
	LockOSThread bool
	// CPUs are the processors that the workers' threads may run on. Needs
	// LockOSThread; Linux only. Zero: all.
	CPUs []int
	// Nice is the scheduling priority of the workers' threads, -20 to 19. Needs
	// LockOSThread; Linux only. Zero: as it is.
	Nice int
	// OnThreadStart and OnThreadStop run on a worker's goroutine, which is its
	// thread with LockOSThread, before its first and after its last job. A worker
	// whose OnThreadStart fails is logged and not put to work; when none is left,
	// waiting jobs fail with that error.
	OnThreadStart func() error
	OnThreadStop  func()

	// SlowJob is how long a job may run before it is logged with its stack, once, and
	// listed in Stats for as long as it runs on. Zero: any time.
	SlowJob time.Duration
	// Logger gets what has nobody to return it to. Zero: slog.Default().
	Logger *slog.Logger
}

const defaultIdleTimeout = time.Minute

func (c Config) withDefaults() (Config, error) {
	if c.Name == "" {
		c.Name = "pool"
	}
	if c.Max == 0 {
		c.Max = max(4, runtime.GOMAXPROCS(0), c.Min)
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = defaultIdleTimeout
	}
	bad := func(field string, value any, want string) (Config, error) {
		return c, fmt.Errorf("threadpool %s: Config.%s is %v, want %s", c.Name, field, value, want)
	}
	switch {
	case c.IdleTimeout < 0:
		return bad("IdleTimeout", c.IdleTimeout, "0 or more")
	case c.QueueLimit < 0:
		return bad("QueueLimit", c.QueueLimit, "0 or more")
	case c.SlowJob < 0:
		return bad("SlowJob", c.SlowJob, "0 or more")
	case c.Nice < -20 || c.Nice > 19:
		return bad("Nice", c.Nice, "-20 to 19")
	case c.Nice != 0 && !c.LockOSThread:
		return bad("Nice", c.Nice, "LockOSThread with it")
	case len(c.CPUs) > 0 && !c.LockOSThread:
		return bad("CPUs", c.CPUs, "LockOSThread with it")
	}
	if err := checkSizes(c.Name, c.Min, c.Max); err != nil {
		return c, err
	}
	if len(c.CPUs) > 0 || c.Nice != 0 {
		if err := canSchedule(c.CPUs); err != nil {
			return c, fmt.Errorf("threadpool %s: Config.CPUs and Nice: %w", c.Name, err)
		}
	}
	return c, nil
}

func checkSizes(name string, minimum, maximum int) error {
	switch {
	case minimum < 0:
		return fmt.Errorf("threadpool %s: Min is %d, want 0 or more", name, minimum)
	case maximum < 1:
		return fmt.Errorf("threadpool %s: Max is %d, want 1 or more", name, maximum)
	case minimum > maximum:
		return fmt.Errorf("threadpool %s: Min is %d, more than Max, which is %d", name, minimum, maximum)
	}
	return nil
}
