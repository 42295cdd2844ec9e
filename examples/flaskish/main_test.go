package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trestle-go/trestle/examples/flaskish/internal/feed"
)

var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "flaskish")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "flaskish.exe")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// program is a flaskish process that serves.
type program struct {
	cmd    *exec.Cmd
	url    string
	output chan string // all of it, once it has ended
}

var serving = regexp.MustCompile(`url=(http://\S+)`)

func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(binary, append([]string{"-addr", "127.0.0.1:0"}, args...)...), output: make(chan string, 1)}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	url := make(chan string, 1)
	go func() { // ends with the process
		var all strings.Builder
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if m := serving.FindStringSubmatch(lines.Text()); m != nil {
				url <- m[1]
			}
		}
		p.output <- all.String()
	}()
	select {
	case p.url = <-url:
	case <-time.After(20 * time.Second):
		t.Fatal("does not serve")
	}
	return p
}

// stop sends sig and wants the program to end well within five seconds.
func (p *program) stop(t *testing.T, sig os.Signal) {
	t.Helper()
	begun := time.Now()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	out := <-p.output
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v to stop\n%s", took, out)
	}
}

func needSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent these signals on windows")
	}
}

func TestProgramServesTheReplayedDays(t *testing.T) {
	needSignals(t)
	replay, err := feed.NewReplay()
	if err != nil {
		t.Fatal(err)
	}
	usd := map[string]string{} // by day
	for _, d := range replay.Days() {
		usd[d.Date.Format(time.DateOnly)] = d.Rates[0].Text
	}
	p := start(t, "-every", "50ms")
	seen := map[string]bool{}
	for end := time.Now().Add(20 * time.Second); len(seen) < 3; {
		if time.Now().After(end) {
			t.Fatalf("the rates do not move: %v", seen)
		}
		resp, err := http.Get(p.url + "/api/rates/USD")
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Rate string
			Date string `json:"as_of"`
		}
		err = json.NewDecoder(resp.Body).Decode(&got)
		resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable {
			continue // just started
		}
		if err != nil || got.Rate == "" || got.Rate != usd[got.Date] {
			t.Fatalf("%+v, %v; the rate of that day is %s", got, err, usd[got.Date])
		}
		seen[got.Date] = true
	}
	p.stop(t, syscall.SIGTERM)
}

func TestProgramStopsInTheMiddleOfAHangingFetch(t *testing.T) {
	needSignals(t)
	asked := make(chan struct{}, 16)
	release := make(chan struct{})
	defer close(release)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})}
	go func() { _ = srv.Serve(l) }() // ended by Close
	defer srv.Close()
	p := start(t, "-feed", "http://"+l.Addr().String()+"/rates.xml")
	<-asked
	resp, err := http.Get(p.url + "/api/rates")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d before any rates", resp.StatusCode)
	}
	p.stop(t, os.Interrupt)
}

func TestProgramRefusesBadFlags(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-addr", l.Addr().String()}, "in use already"},
		{[]string{"-addr", "nonsense"}, "nonsense"},
		{[]string{"-addr", "127.0.0.1:0", "-every", "0s"}, "-every"},
		{[]string{"-addr", "127.0.0.1:0", "-feed", "ftp://x"}, "-feed"},
		{[]string{"-addr", "127.0.0.1:0", "-workers", "0"}, "-workers"},
		{[]string{"-addr", "127.0.0.1:0", "-threads", "-1"}, "-threads"},
		{[]string{"-addr", "127.0.0.1:0", "-drip", "1h"}, "-drip"},
		{[]string{"surplus"}, "surplus"},
	} {
		out, err := exec.Command(binary, c.args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: %v, %s", c.args, err, out)
		}
	}
}
