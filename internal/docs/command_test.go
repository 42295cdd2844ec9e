//go:build unix

package docs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The notes above a block of commands, or of what they print.
const (
	noteRun         = "run"         // run it to its end; it must succeed
	noteServe       = "serve"       // start it, and let it run until the next one or the end of the page
	noteOutput      = "output"      // what the last one that was run prints
	noteInterrupted = "interrupted" // interrupt what serves: what it prints then
)

var noteNotRun = regexp.MustCompile(`^not run: .+`) // with the reason

// shownAddr is where the programs of the documentation serve. A test runs them at
// a port of its own, since others may use that one.
const shownAddr = "127.0.0.1:8080"

const commandTimeout = 2 * time.Minute

// TestCommands runs what the pages tell to run, at the root of the repository,
// page by page. Those of the guide are for an empty folder: see TestGuide.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	t.Parallel()
	for _, p := range pages(t) {
		if strings.HasPrefix(p.name, "docs/guide/") {
			continue
		}
		var todo []block
		for _, b := range p.blocks(t) {
			if b.isCommand(t) {
				todo = append(todo, b)
			}
		}
		if len(todo) == 0 {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			s := newSession(t, root)
			for _, b := range todo {
				s.do(b)
			}
		})
	}
}

// isCommand reports whether b is for a session, and complains about commands that
// do not say so.
func (b block) isCommand(t *testing.T) bool {
	t.Helper()
	switch b.note {
	case noteRun, noteServe, noteOutput, noteInterrupted:
		return true
	}
	if (b.lang == "sh" || b.lang == "bash" || b.lang == "console") && !noteNotRun.MatchString(b.note) {
		t.Errorf("%s:%d: commands without a note that says how they are run, or why not", b.page.name, b.start+1)
	}
	return false
}

// A session is what a reader of a page has: a folder and two terminals.
type session struct {
	t      *testing.T
	dir    string
	addr   string
	env    []string
	output string
	server *server
}

func newSession(t *testing.T, dir string) *session {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the pages use curl, which is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, dir: dir, addr: addr, env: append(os.Environ(), "GOSUMDB=off", "GOWORK=off")}
	t.Cleanup(func() { s.stopServer() })
	return s
}

func (s *session) do(b block) {
	s.t.Helper()
	where := fmt.Sprintf("%s:%d", b.page.name, b.start+1)
	switch b.note {
	case noteRun:
		s.run(where, b.text)
	case noteServe:
		s.serve(where, b.text)
	case noteOutput:
		s.compare(where, s.output, b.text)
	case noteInterrupted:
		s.compare(where, s.interrupt(where), b.text)
	}
}

// here makes the commands and programs of a page use the session's own port.
func (s *session) here(text string) string {
	text = strings.ReplaceAll(text, "go run ./examples/flaskish", "go run ./examples/flaskish -addr "+s.addr)
	return strings.ReplaceAll(text, shownAddr, s.addr)
}

func (s *session) command(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", s.here(text))
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run has children
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func (s *session) run(where, text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), commandTimeout)
	defer cancel()
	cmd := s.command(ctx, text)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%s: %v\n%s%s%s%s", where, err, text, stdout.String(), stderr.String(), s.server.said())
	}
	s.output = stdout.String()
}

// server is a command that is left running.
type server struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	ended  chan struct{} // closed when cmd has ended, with err set
	err    error
	ready  chan struct{} // closed when it has said where it serves

	mu   sync.Mutex // guards out and told; nothing is called under it
	out  bytes.Buffer
	told bool
	addr string
}

func (v *server) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out.Write(p)
	if !v.told && bytes.Contains(v.out.Bytes(), []byte(v.addr)) {
		v.told = true
		close(v.ready)
	}
	return len(p), nil
}

func (v *server) said() string {
	if v == nil {
		return ""
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.out.String()
}

func (s *session) serve(where, text string) {
	s.t.Helper()
	s.stopServer()
	ctx, cancel := context.WithTimeout(s.t.Context(), commandTimeout)
	v := &server{cmd: s.command(ctx, text), cancel: cancel, ended: make(chan struct{}), ready: make(chan struct{}), addr: s.addr}
	v.cmd.Stdout, v.cmd.Stderr = v, v
	if err := v.cmd.Start(); err != nil {
		cancel()
		s.t.Fatalf("%s: %v", where, err)
	}
	go func() { // ends with the command, which stopServer ends
		v.err = v.cmd.Wait()
		close(v.ended)
	}()
	s.server = v
	select {
	case <-v.ready:
	case <-v.ended:
		s.t.Fatalf("%s: %v\n%s", where, v.err, v.said())
	}
}

func (s *session) stopServer() {
	if v := s.server; v != nil {
		s.server = nil
		v.cancel()
		<-v.ended
	}
}

// interrupt does what Ctrl-C does, and returns what the server said afterwards.
func (s *session) interrupt(where string) string {
	s.t.Helper()
	v := s.server
	if v == nil {
		s.t.Fatalf("%s: nothing is running", where)
	}
	before := len(v.said())
	if err := syscall.Kill(-v.cmd.Process.Pid, syscall.SIGINT); err != nil {
		s.t.Fatalf("%s: %v", where, err)
	}
	<-v.ended // bounded by its ctx
	if exit := (*exec.ExitError)(nil); v.err != nil && !errors.As(v.err, &exit) {
		s.t.Fatalf("%s: %v\n%s", where, v.err, v.said())
	}
	return v.said()[before:]
}

// compare reports a difference between what was printed and what the page shows,
// in which … stands for anything.
func (s *session) compare(where, got, want string) {
	s.t.Helper()
	parts := strings.Split(strings.TrimSpace(s.here(want)), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	got = strings.TrimSpace(strings.ReplaceAll(got, "\r", ""))
	if !regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(got) {
		s.t.Errorf("%s: printed\n%s\nand not\n%s", where, got, want)
	}
}

// modulePath makes an absolute path of the repository, for a replace directive.
func modulePath(t *testing.T) string {
	t.Helper()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
