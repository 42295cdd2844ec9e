package eventual_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/trestle-go/trestle/eventual"
)

// TestOnPanic_ACrashIsACrash runs itself again as a program whose hook panics.
func TestOnPanic_ACrashIsACrash(t *testing.T) {
	if os.Getenv("TRESTLE_CRASH") != "" {
		eventual.OnPanic(func(p *eventual.PanicError) { panic("the hook has spoken: " + p.Error()) })
		defer func() { _ = recover() }() // no recover on the way holds it up
		_, _ = eventual.Go(context.Background(), explode).Wait(soon)
		t.Fatal("still alive")
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestOnPanic_ACrashIsACrash")
	cmd.Env = append(os.Environ(), "TRESTLE_CRASH=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the hook has spoken: panic: ") || strings.Contains(string(out), "still alive") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPanicError(t *testing.T) {
	_, err := eventual.Go(context.Background(), func(context.Context) (int, error) {
		return []int{}[len(os.Args)], nil // the runtime's own panic
	}).Wait(soon)
	var p *eventual.PanicError
	if !errors.As(err, &p) || !strings.Contains(err.Error(), "index out of range") || p.Unwrap() == nil {
		t.Errorf("%v", err)
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Error("x", "panic", p)
	if !strings.Contains(b.String(), "panic.stack=") || !strings.Contains(b.String(), "panic.value=") {
		t.Error(b.String())
	}
	if plain := (&eventual.PanicError{Value: "text"}); plain.Unwrap() != nil || plain.Error() != "panic: text" {
		t.Error(plain)
	}
}

func TestStopError(t *testing.T) {
	e := &eventual.StopError{Component: "reactor rates", Running: []eventual.Running{{Name: "callback", Age: 1500e6, Submitted: "main.f (main.go:1)"}, {Name: "job"}}}
	if got, want := e.Error(), "reactor rates: not stopped in time, 2 still running: callback for 1.5s as main.f (main.go:1), job for 0s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
