package eventual

import (
	"fmt"
	"strings"
	"time"
)

// StopError is what a component's Stop returns when its ctx was done before the
// component had stopped: what still runs.
type StopError struct {
	Component string // as in "reactor rates"
	Running   []Running
}

// Running is one piece of work that still runs.
type Running struct {
	Name      string        // what it is
	Age       time.Duration // since it was started
	Submitted string        // the submitted function and where it is written; may be empty
	Stack     string        // of its goroutine, where there is one; may be empty
}

// Error names the component and what still runs, without the stacks.
func (e *StopError) Error() string {
	var b strings.Builder
	if e.Component != "" {
		b.WriteString(e.Component + ": ")
	}
	fmt.Fprintf(&b, "not stopped in time, %d still running", len(e.Running))
	for i, r := range e.Running {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s for %v", sep, r.Name, r.Age.Round(time.Millisecond))
		if r.Submitted != "" {
			b.WriteString(" as " + r.Submitted)
		}
	}
	return b.String()
}
