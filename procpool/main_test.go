package procpool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

func TestMain(m *testing.M) {
	if os.Getenv("PROCPOOL_TEST_FORGOTTEN") != "" {
		forgetful()
		return
	}
	if os.Getenv("PROCPOOL_TEST_ECHO") != "" {
		rawEcho()
	}
	if os.Getenv(workerMark) != "" {
		unusualWorker()
	}
	procpool.ServeIfWorker()
	if os.Getenv("PROCPOOL_TEST_ORPHANAGE") != "" {
		orphanage()
	}
	if os.Getenv("PROCPOOL_TEST_NURSERY") != "" {
		nursery()
	}
	goleak.VerifyTestMain(m)
}

// workerMark in the environment says that this process was started as a worker.
const workerMark = "TRESTLE_PROCPOOL_WORKER"

// forgetful is a program that does not call ServeIfWorker.
func forgetful() {
	p, err := procpool.New(procpool.Config{Max: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil { // in the worker
		if os.Getenv("PROCPOOL_TEST_FORGOTTEN") == "and ends" {
			os.Exit(0)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, err = procpool.DeferToProcess(bg, p, square, 1).Wait(soon)
	fmt.Println(err)
}

const soon = 60 * time.Second // longer than any machine needs

// What the workers of these tests can do.
var (
	square = procpool.Register("square", func(_ context.Context, n int) (int, error) { return n * n, nil })
	pid    = procpool.Register("pid", func(context.Context, struct{}) (int, error) { return os.Getpid(), nil })
	fail   = procpool.Register("fail", func(_ context.Context, how string) (int, error) { return 0, failHow(how) })
	exit   = procpool.Register("exit", func(_ context.Context, code int) (int, error) { os.Exit(code); return 0, nil })
	echo   = procpool.Register("echo", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	size   = procpool.Register("size", func(_ context.Context, b []byte) (int, error) { return len(b), nil })
	say    = procpool.Register("say", func(_ context.Context, s said) (struct{}, error) {
		fmt.Fprint(os.Stdout, s.Out)
		fmt.Fprint(os.Stderr, s.Err)
		return struct{}{}, nil
	})
	environ = procpool.Register("environ", func(context.Context, struct{}) (surroundings, error) {
		dir, err := os.Getwd()
		return surroundings{os.Environ(), os.Args, dir}, err
	})
	// sleep obeys its ctx; sleepOn does not.
	sleep = procpool.Register("sleep", func(ctx context.Context, d time.Duration) (string, error) {
		select {
		case <-time.After(d):
			return "slept", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	// count reports 1 to n, ask has the pool's process double n.
	count = procpool.Register("count", func(ctx context.Context, n int) (int, error) {
		for i := range n {
			if err := procpool.Progress(ctx, i+1); err != nil {
				return 0, err
			}
		}
		return n, nil
	})
	ask         = procpool.Register("ask", func(ctx context.Context, n int) (int, error) { return procpool.CallParent[int, int](ctx, "double", n) })
	unencodable = procpool.Register("unencodable", func(context.Context, struct{}) (any, error) { return struct{ F func() }{}, nil })
	sleepOn     = procpool.Register("sleepOn", func(_ context.Context, d time.Duration) (string, error) {
		sleeping.Add(1)
		defer sleeping.Add(-1)
		time.Sleep(d)
		return "slept", nil
	})
	sleeping atomic.Int64 // jobs of sleepOn in this process, which nothing can end
	// stubborn says that it has begun, and obeys nobody either.
	stubborn = procpool.Register("stubborn", func(ctx context.Context, d time.Duration) (string, error) {
		err := procpool.Progress(ctx, true)
		time.Sleep(d)
		return "slept", err
	})
)

type said struct{ Out, Err string }

type surroundings struct {
	Env, Args []string
	Dir       string
}

type myError struct{ Code int }

func (e *myError) Error() string { return fmt.Sprintf("my error %d", e.Code) }

func failHow(how string) error {
	switch how {
	case "panic":
		panicHere()
	case "typed":
		return &myError{7}
	}
	return errors.New(how)
}

func panicHere() { panic("at the disco") }

func newPool(t testing.TB, cfg procpool.Config) *procpool.Pool {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := procpool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return p
}

var bg = context.Background()

// runs runs stubborn for d, and returns when it has begun. Before that it could be
// asked to stop and would not begin, also when its worker is busy with it already.
func runs(t *testing.T, p *procpool.Pool, d time.Duration) *eventual.Result[string] {
	t.Helper()
	begun := make(chan bool, 1)
	r := procpool.DeferWithProgress(bg, p, stubborn, d, func(b bool) { begun <- b })
	select {
	case <-begun:
	case <-time.After(soon):
		t.Fatal("the job has not begun")
	}
	return r
}

// eventually waits until cond holds; it fails the test if that takes too long.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	end := time.Now().Add(soon)
	for !cond() {
		if time.Now().After(end) {
			t.Fatalf("%s: not in %v", what, soon)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("this system has no %s", name)
	}
	return path
}
