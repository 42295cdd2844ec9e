//go:build unix

package procpool_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/trestle-go/trestle/procpool"
)

// nursery is a program whose workers are at their start, and which the test kills.
// Its argument is what becomes of one of them: "stopped", or nothing.
func nursery() {
	fmt.Println("begins")
	p, err := procpool.New(procpool.Config{Min: 3, Max: 3, StartTimeout: soon, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for processes(p) < 3 {
		time.Sleep(time.Millisecond)
	}
	if os.Getenv("PROCPOOL_TEST_NURSERY") == "stopped" {
		_ = syscall.Kill(p.Stats().Workers[0].PID, syscall.SIGSTOP)
	}
	fmt.Println("started")
	for countState(p, procpool.Idle) < 3 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("serve")
	select {}
}

// processes is how many workers of p have one.
func processes(p *procpool.Pool) (n int) {
	for _, w := range p.Stats().Workers {
		if w.PID != 0 {
			n++
		}
	}
	return n
}

// family is a process and all that it has started, directly or not.
type family struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	line *os.File // which all of them hold the other end of
}

// startFamily starts cmd.
func startFamily(t *testing.T, cmd *exec.Cmd) *family {
	t.Helper()
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	cmd.ExtraFiles = []*os.File{theirs, theirs} // the first of which becomes the connection in workers
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	return &family{cmd, bufio.NewReader(out), ours}
}

// says waits until the process has written a line.
func (f *family) says(t *testing.T, want string) {
	t.Helper()
	for {
		line, err := f.out.ReadString('\n')
		if err != nil {
			t.Fatalf("%q has not come: %v", want, err)
		}
		if line == want+"\n" {
			return
		}
		t.Logf("%s", line)
	}
}

// end waits for the end of the process, and returns what else it has written.
func (f *family) end(t *testing.T) string {
	t.Helper()
	rest, err := io.ReadAll(f.out)
	if err != nil {
		t.Error(err)
	}
	_ = f.cmd.Wait() // usually that it was killed
	return string(rest)
}

// noneIsLeft waits until nobody holds the other end of the line any more.
func (f *family) noneIsLeft(t *testing.T) {
	t.Helper()
	if err := f.line.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.line.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // as Read returns it
		t.Fatalf("something that it has started is still there: %v", err)
	}
}

func startNursery(t *testing.T, env ...string) *family {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	return startFamily(t, cmd)
}

// The pool's process is killed at any moment in the life of workers that do not
// serve yet: before they are there, between fork and exec, in their init functions,
// and amid the handshake.
func TestProcpool_P09_ParentKilledWhileWorkersStart(t *testing.T) {
	t.Parallel()
	want := 40 // so many times before all of them serve
	if testing.Short() || raceDetector {
		want = 10
	}
	window := 50 * time.Millisecond // soon about as long as a start takes
	rounds := 0
	for early := 0; early < want; rounds++ {
		if rounds == 100*want {
			t.Fatalf("of %d kills only %d came before the workers served", rounds, early)
		}
		f := startNursery(t, "PROCPOOL_TEST_NURSERY=1")
		f.says(t, "begins")
		time.Sleep(rand.N(window)) // the random moment
		if err := f.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if rest := f.end(t); rest == "" || rest == "started\n" {
			early++
			window += window / 16
		} else {
			window -= window / 4
		}
		f.noneIsLeft(t)
	}
	t.Logf("%d kills, within %v at last", rounds, window)
}
