package procpool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

var (
	// ErrQueueFull says that as many jobs wait as Config.QueueLimit allows. It
	// matches [eventual.ErrQueueFull].
	ErrQueueFull error = queueFullError{}

	// ErrWorkersFailing says that workers die before they serve anything. The pool
	// goes on trying, ever less often, and accepts jobs again once one serves.
	ErrWorkersFailing = errors.New("procpool: workers do not start")

	// ErrUnknownFunction says that the worker has no function of that name.
	ErrUnknownFunction = errors.New("procpool: unknown function")

	// ErrTooLarge says that an encoded value has more than Config.MaxPayload bytes.
	ErrTooLarge = errors.New("procpool: value is too large")
)

type queueFullError struct{}

func (queueFullError) Error() string        { return "procpool: queue is full" }
func (queueFullError) Is(target error) bool { return target == eventual.ErrQueueFull } //nolint:errorlint // that is what Is is

// stoppedError is ErrStopped with the pool's name.
type stoppedError struct{ component string }

func (e stoppedError) Error() string { return e.component + ": stopped" }
func (e stoppedError) Unwrap() error { return eventual.ErrStopped }

// Reason is why a worker ended while it had a job.
type Reason uint8

// The reasons of a WorkerExitError.
const (
	Exited            Reason = iota // with the code in Code; os.Exit(0) is one too
	Signalled                       // by the signal in Signal; on Windows that is an exit
	OutOfMemory                     // its memory was used up, as far as the system or its runtime said so
	ProtocolViolation               // it wrote what the protocol has no meaning for, and was killed
	ClosedConnection                // it closed its socket without ending, and was killed
)

func (r Reason) String() string {
	switch r {
	case Exited:
		return "exited"
	case Signalled:
		return "signalled"
	case OutOfMemory:
		return "out of memory"
	case ProtocolViolation:
		return "protocol violation"
	case ClosedConnection:
		return "closed connection"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// WorkerExitError is the error of a job whose worker ended before the job did.
type WorkerExitError struct {
	PID    int
	Code   int       // the exit code; -1 if a signal ended it, or if it was waited for elsewhere in this program
	Signal os.Signal // that ended it; nil if it exited
	Stderr string    // the last that it wrote to standard error
	Reason Reason

	component, doing, detail string
}

// Error says what became of the worker, with the last line of its standard error.
func (e *WorkerExitError) Error() string {
	s := fmt.Sprintf("%s: worker %d %s", e.component, e.PID, e.what())
	if e.doing != "" {
		s += " while it ran " + e.doing
	}
	if last := lastLine(e.Stderr); last != "" {
		s += ": " + last
	}
	return s
}

func (e *WorkerExitError) what() string {
	how := fmt.Sprintf("exited with code %d", e.Code)
	if e.Signal != nil {
		how = fmt.Sprintf("was ended by a signal, %v,", e.Signal)
	}
	switch e.Reason {
	case OutOfMemory:
		return "ran out of memory and " + how
	case ProtocolViolation:
		return "broke the protocol (" + e.detail + ")"
	case ClosedConnection:
		return "closed its connection"
	}
	return how
}

// lastLine is what a reader wants of a standard error first. Go programs that die
// say why first and where at length; that line is preferred.
func lastLine(s string) string {
	last := ""
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if saysWhy(line) {
			return line
		}
		if line != "" {
			last = line
		}
	}
	return last
}

// saysWhy reports whether a line is that by which Go's runtime begins its last
// words.
func saysWhy(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}

// RemoteError is an error that a function returned in a worker, or its panic.
type RemoteError struct {
	Type    string // of the error in the worker, as %T prints it
	Message string
	// Stack is where it came from: of the goroutine that panicked; what the error
	// itself prints with %+v, if it does; or else the function that returned it.
	Stack string

	cause error // what errors.Is is to find; may be nil
}

// Error returns the message of the error in the worker.
func (e *RemoteError) Error() string { return e.Message }

// Unwrap returns an [*eventual.PanicError] for a panic, [eventual.ErrGoexit] for a
// Goexit, and context.Canceled, context.DeadlineExceeded or [ErrUnknownFunction]
// where the error in the worker was one. Other errors cannot cross: compare Type
// and Message.
func (e *RemoteError) Unwrap() error { return e.cause }

// TimeoutError is the error of a job whose time was up: Config.JobTimeout or the
// deadline of its ctx. It matches context.DeadlineExceeded. It never matches
// [eventual.ErrTimeout], which says that a caller's wait was up.
type TimeoutError struct {
	After  time.Duration // since the job began; 0 if it never did
	Killed bool          // it did not stop when it was asked to, and its worker was killed

	component, job string
	cause          error // what the job returned when it was asked to stop; may be nil
}

// Error says after how long, and whether the worker was killed.
func (e *TimeoutError) Error() string {
	s := fmt.Sprintf("%s: %s: its time was up", e.component, e.job)
	switch {
	case e.Killed:
		return fmt.Sprintf("%s after %v, and its worker was killed", s, e.After.Round(time.Millisecond))
	case e.After == 0:
		return s + " before it began"
	}
	return fmt.Sprintf("%s after %v", s, e.After.Round(time.Millisecond))
}

// Timeout returns true.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded } //nolint:errorlint // that is what Is is

// Unwrap returns the error with which the job ended when it was asked to stop, if
// it did.
func (e *TimeoutError) Unwrap() error { return e.cause }

// canceledJob is the error of a job that was cancelled and had to be killed.
type canceledJob struct {
	component, job string
	after          time.Duration
	inProcess      bool
}

func (e *canceledJob) Error() string {
	if e.inProcess {
		return fmt.Sprintf("%s: %s: canceled; it did not stop within %v, and was given up", e.component, e.job, e.after)
	}
	return fmt.Sprintf("%s: %s: canceled; it did not stop within %v, and its worker was killed", e.component, e.job, e.after)
}
func (e *canceledJob) Unwrap() error { return eventual.ErrCanceled }
