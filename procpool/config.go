package procpool

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Config says how a Pool is to be. The zero value is a pool of up to one worker a
// processor, which are this program again.
type Config struct {
	// Name appears in errors, logs and Stats. Zero: "pool".
	Name string
	// Min workers are started with the pool and kept even if there is nothing to do: a
	// start costs milliseconds. Zero: none.
	Min int
	// Max is how many workers there are at most, and so how many jobs run at once.
	// One that was told to end is not counted. Zero: the number of processors, or
	// Min if that is more.
	Max int
	// IdleTimeout is how long a worker above Min may be idle. Zero: 1 minute.
	IdleTimeout time.Duration
	// RecycleAfter is how many jobs a worker runs before a fresh one takes its
	// place. Zero: any number.
	RecycleAfter int
	// MaxRSS is how many bytes of memory a worker may hold after a job; above, a
	// fresh one takes its place. Linux and Windows only. Zero: any number.
	MaxRSS int64
	// QueueLimit is how many jobs may wait. Zero: any number.
	QueueLimit int
	// Stopped leaves the pool not started: jobs queue up until Start.
	Stopped bool
	// MaxPayload is how many bytes an encoded argument, result or progress may
	// have. Zero: 256 MiB. At most 1 GiB.
	MaxPayload int

	// JobTimeout is how long a job may run; the ctx of its function in the worker
	// has it as its deadline. Zero: for ever.
	JobTimeout time.Duration
	// Grace is how long a job that was asked to stop, by its time or by a cancel,
	// has until its worker is killed. Zero: 1 second. Negative: none.
	Grace time.Duration
	// KillSignal is sent to the whole process group then. If it is not SIGKILL and
	// the worker is still there after another Grace, SIGKILL follows. On Windows it
	// must be os.Kill, which ends the job object. Zero: SIGKILL.
	KillSignal os.Signal
	// StartTimeout is how long a worker may take until it serves. Zero: 30 seconds.
	StartTimeout time.Duration

	// Command is the program and its arguments, for workers of another program,
	// which speaks docs/worker-protocol.md with values in JSON. Zero: this program,
	// with its own arguments.
	Command []string
	// Env is added to the environment of this process, as "KEY=value".
	Env []string
	// Dir is the workers' working directory. Zero: that of this process.
	Dir string
	// Nice is the scheduling priority of the workers, -20 to 19. Unix only.
	// Zero: as it is.
	Nice int
	// Limits bounds what a worker may take from the system. Linux, and two of them on
	// Windows.
	Limits Limits

	// ParentFuncs are what workers may call with CallParent, by name.
	ParentFuncs ParentFuncs
	// Logger gets what workers write to standard output and standard error, line by
	// line, and what has nobody to return it to. Zero: slog.Default().
	Logger *slog.Logger
	// InProcess runs jobs as goroutines of this process, for tests and debuggers.
	// Everything is encoded as for processes, but nothing is isolated: a job that
	// does not stop when it is asked to is given up and goes on by itself, and what
	// is said about processes above does not apply.
	InProcess bool
}

// Limits bounds what one worker may take from the system. They hold from before
// its first job on. Zero fields bound nothing. New refuses those that the system does
// not have: Linux has all, Windows AddressSpace and CPU.
type Limits struct {
	// AddressSpace is how many bytes of virtual memory it may map. A Go program has
	// more than a gigabyte reserved before it does anything. On Windows only what is
	// committed counts.
	AddressSpace uint64
	// CPU is how much processor time it may use in its life, in whole seconds; then
	// it gets SIGXCPU, and SIGKILL a second later. On Windows only the time in user
	// mode counts, and then it is ended.
	CPU time.Duration
	// OpenFiles is how many descriptors it may have.
	OpenFiles uint64
	// OOMScoreAdj makes the kernel prefer it (up to 1000) or spare it (down to
	// -1000) when the system's memory is used up.
	OOMScoreAdj int
	// NoNewPrivs keeps it and what it starts from gaining privileges by exec.
	NoNewPrivs bool
	// Cgroup is the directory of a control group that it is put into. This process
	// must be allowed to write to its cgroup.procs.
	Cgroup string
}

const (
	defaultIdleTimeout  = time.Minute
	defaultGrace        = time.Second
	defaultStartTimeout = 30 * time.Second
	defaultMaxPayload   = 256 << 20
	highestMaxPayload   = 1 << 30
)

func (c Config) withDefaults() (Config, error) {
	if c.Name == "" {
		c.Name = "pool"
	}
	if c.Max == 0 {
		c.Max = max(runtime.GOMAXPROCS(0), c.Min)
	}
	setDefault(&c.IdleTimeout, defaultIdleTimeout)
	setDefault(&c.Grace, defaultGrace)
	setDefault(&c.StartTimeout, defaultStartTimeout)
	setDefault(&c.MaxPayload, defaultMaxPayload)
	if c.KillSignal == nil {
		c.KillSignal = os.Kill
	}
	// What the caller does to its slices and maps later is not to matter.
	c.Command, c.Env, c.ParentFuncs = slices.Clone(c.Command), slices.Clone(c.Env), maps.Clone(c.ParentFuncs)
	if err := c.check(); err != nil {
		return c, fmt.Errorf("procpool %s: %w", c.Name, err)
	}
	return c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) check() error {
	bad := func(field string, value any, want string) error {
		return fmt.Errorf("%s%s is %v, want %s", "Config.", field, value, want)
	}
	switch {
	case c.IdleTimeout < 0:
		return bad("IdleTimeout", c.IdleTimeout, "0 or more")
	case c.RecycleAfter < 0:
		return bad("RecycleAfter", c.RecycleAfter, "0 or more")
	case c.MaxRSS < 0:
		return bad("MaxRSS", c.MaxRSS, "0 or more")
	case c.QueueLimit < 0:
		return bad("QueueLimit", c.QueueLimit, "0 or more")
	case c.MaxPayload < 0 || c.MaxPayload > highestMaxPayload:
		return bad("MaxPayload", c.MaxPayload, fmt.Sprintf("0 to %d", highestMaxPayload))
	case c.JobTimeout < 0:
		return bad("JobTimeout", c.JobTimeout, "0 or more")
	case c.StartTimeout < 0:
		return bad("StartTimeout", c.StartTimeout, "0 or more")
	case c.Nice < -20 || c.Nice > 19:
		return bad("Nice", c.Nice, "-20 to 19")
	}
	if err := checkSizes(c.Min, c.Max); err != nil {
		return err
	}
	for i, e := range c.Env {
		if key, _, ok := strings.Cut(e, "="); !ok || key == "" {
			return bad(fmt.Sprintf("Env[%d]", i), fmt.Sprintf("%q", e), "KEY=value")
		}
	}
	for name, f := range c.ParentFuncs {
		if f.prepare == nil {
			return bad(fmt.Sprintf("ParentFuncs[%q]", name), "empty", "what Answer returns")
		}
	}
	if c.InProcess {
		return nil
	}
	return c.checkProcess()
}

// checkProcess looks at what has to do with processes of their own.
func (c Config) checkProcess() error {
	if err := c.Limits.check(); err != nil {
		return err
	}
	if len(c.Command) > 0 {
		if _, err := exec.LookPath(c.Command[0]); err != nil {
			return fmt.Errorf("%s: %w", "Config.Command", err)
		}
	}
	if c.Dir != "" {
		if info, err := os.Stat(c.Dir); err != nil {
			return fmt.Errorf("%s: %w", "Config.Dir", err)
		} else if !info.IsDir() {
			return fmt.Errorf("%s: %s is not a directory", "Config.Dir", c.Dir)
		}
	}
	return c.checkPlatform()
}

func (l Limits) check() error {
	switch {
	case l.CPU < 0 || l.CPU%time.Second != 0:
		return fmt.Errorf("Config.Limits.CPU is %v, want whole seconds, 0 or more", l.CPU)
	case l.OOMScoreAdj < -1000 || l.OOMScoreAdj > 1000:
		return fmt.Errorf("Config.Limits.OOMScoreAdj is %d, want -1000 to 1000", l.OOMScoreAdj)
	}
	return nil
}

func checkSizes(minimum, maximum int) error {
	switch {
	case minimum < 0:
		return fmt.Errorf("%s is %d, want 0 or more", "Min", minimum)
	case maximum < 1:
		return fmt.Errorf("%s is %d, want 1 or more", "Max", maximum)
	case minimum > maximum:
		return fmt.Errorf("%s is %d, more than Max, which is %d", "Min", minimum, maximum)
	}
	return nil
}
