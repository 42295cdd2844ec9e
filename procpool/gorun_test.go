//go:build unix

package procpool_test

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trestle-go/trestle/internal/logtest"
)

// aProgram is a program as users write one. It says 144, and then, if it has an
// argument, is busy until it is interrupted.
//
//go:embed testdata/program/main.go
var aProgram string

// writeModule makes a module of aProgram, which takes this one from where it is, and
// returns its directory.
func writeModule(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	const ours = "github.com/trestle-go/trestle"
	text := strings.Replace(string(mod), "module "+ours+"\n", "module program\n", 1) +
		"\nrequire " + ours + " v0.0.0\n\nreplace " + ours + " => " + root + "\n"
	for name, text := range map[string]string{"go.mod": text, "go.sum": string(sum), "main.go": aProgram} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// goRun runs the program of a module, in a process group of its own, as a shell does.
func goRun(t *testing.T, dir string, args ...string) *family {
	t.Helper()
	cmd := exec.Command(lookPath(t, "go"), append([]string{"run", "-mod=mod", "."}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off", "GOTOOLCHAIN=local")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr logtest.Log
	cmd.Stderr = &stderr
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("standard error: %s", stderr.String())
		}
	})
	return startFamily(t, cmd)
}

// A pool works in a program that was started by go run, and nothing of that is left
// when it has ended by itself, and when it, or the go command too, was interrupted.
func TestProcpool_P09_GoRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	t.Parallel()
	dir := writeModule(t)
	t.Run("to its end", func(t *testing.T) {
		f := goRun(t, dir)
		f.says(t, "144")
		if rest := f.end(t); rest != "" || !f.cmd.ProcessState.Success() {
			t.Errorf("%v: %q", f.cmd.ProcessState, rest)
		}
		f.noneIsLeft(t)
	})
	for _, how := range []string{"dies of it", "stops the pool", "does not care"} {
		t.Run("interrupted, and "+how, func(t *testing.T) {
			f := goRun(t, dir, how)
			f.says(t, "144")
			f.says(t, "busy")
			sig := syscall.SIGINT
			if how == "does not care" {
				sig = syscall.SIGKILL
			}
			if err := syscall.Kill(-f.cmd.Process.Pid, sig); err != nil {
				t.Fatal(err)
			}
			if rest := f.end(t); (how == "stops the pool") != strings.Contains(rest, "stopped") {
				t.Errorf("it says %q", rest)
			}
			f.noneIsLeft(t)
		})
	}
}
