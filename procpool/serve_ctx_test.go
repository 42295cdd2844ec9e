package procpool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errCtxTest = errors.New("a cause")

// A job's ctx says the same whether it was asked before it ended or only afterwards.
func TestJobContext_AskedEarlyOrLate(t *testing.T) {
	early := func(c *jobContext) {
		if err := c.Err(); err != nil {
			t.Errorf("before its end: %v", err)
		}
		_ = c.Done() // the channel is made
	}
	for name, ask := range map[string]func(*jobContext){"early": early, "late": func(*jobContext) {}} {
		for _, cause := range []error{errCtxTest, context.DeadlineExceeded, nil} {
			c := &jobContext{run: &run{}}
			ask(c)
			c.end(cause)
			c.end(errors.New("only the first counts"))
			want := cause
			if want == nil {
				want = context.Canceled
			}
			if err := c.Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, %v: Err is %v", name, cause, err)
			}
			if got := context.Cause(c); !errors.Is(got, want) {
				t.Errorf("%s: the cause is %v, want %v", name, got, want)
			}
			select {
			case <-c.Done():
			default:
				t.Errorf("%s, %v: not done", name, cause)
			}
		}
	}
}

// What is derived from a job's ctx finds the job, and ends with it.
func TestJobContext_Derived(t *testing.T) {
	type key struct{}
	c := &jobContext{run: &run{}}
	child, stop := context.WithTimeout(context.WithValue(c, key{}, 1), time.Hour)
	defer stop()
	if j, err := runOf(child, "Test"); err != nil || j != c.run {
		t.Errorf("the job of a derived ctx: %v, %v", j, err)
	}
	if s := fmt.Sprint(child); !strings.HasPrefix(s, "procpool.jobContext.WithValue(") {
		t.Errorf("it prints as %q", s)
	}
	if got := child.Value("unknown"); got != nil {
		t.Errorf("a value that nobody has set: %v", got)
	}
	told := make(chan struct{})
	context.AfterFunc(child, func() { close(told) })
	c.end(errCtxTest)
	<-told
	if got := context.Cause(child); !errors.Is(got, errCtxTest) {
		t.Errorf("the cause of a derived ctx is %v", got)
	}
}

// A deadline holds from the job's beginning, and not from when somebody asks; what the
// job has left behind hears that it has ended.
func TestJobContext_Deadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(time.Second)
		asked, late, ended, told := &jobContext{deadline: at}, &jobContext{deadline: at}, &jobContext{deadline: at}, &jobContext{deadline: at}
		if got, ok := late.Deadline(); !ok || !got.Equal(at) {
			t.Errorf("the deadline is %v, %v", got, ok)
		}
		ended.end(nil)
		<-asked.Done()
		if now := time.Now(); !now.Equal(at) {
			t.Errorf("done at %v, want %v", now, at)
		}
		told.end(context.DeadlineExceeded) // which comes later than the time
		for c, want := range map[*jobContext]error{asked: context.DeadlineExceeded, told: context.DeadlineExceeded, late: context.DeadlineExceeded, ended: context.Canceled} {
			if err := c.Err(); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			c.end(nil)
		}
	})
	if _, ok := new(jobContext).Deadline(); ok {
		t.Error("a deadline that nobody has set")
	}
}

// A job that asks for nothing pays for nothing.
func TestJobContext_NotAsked(t *testing.T) {
	all := make([]jobContext, 101) // one to warm up
	next := 0
	if n := testing.AllocsPerRun(100, func() { all[next].end(nil); next++ }); n > 0 || all[0].real != nil {
		t.Errorf("%v allocations, %v", n, all[0].real)
	}
}
