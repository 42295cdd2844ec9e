package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// get returns the status and the body of a page.
func (p *program) get(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get(p.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestProgramHasAllPages(t *testing.T) {
	needSignals(t)
	p := start(t)
	for path, want := range map[string]string{
		"/":           "Euro reference rates",
		"/chat":       "WebSocket",
		"/jobs":       "Start a job",
		"/download":   "Started",
		"/status":     "Worker processes",
		"/api/status": `"running"`,
	} {
		if status, body := p.get(t, path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	if status, body := p.get(t, "/nothing"); status != 404 || !strings.Contains(body, `"status":404`) {
		t.Errorf("/nothing: %d %s", status, body)
	}
	resp, err := http.Post(p.url+"/api/rates", "text/plain", nil)
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", resp, err)
	}
	p.stop(t, syscall.SIGTERM)
}

// TestProgramStopsInTheMiddleOfEverything: streams, a WebSocket, jobs of each kind
// and a request that waits for one.
func TestProgramStopsInTheMiddleOfEverything(t *testing.T) {
	needSignals(t)
	p := start(t)
	ended := make(chan string, 16)
	streams := []string{"/api/rates/events", "/api/status/events", "/api/chat/lobby/events?nick=Ada"}
	for _, path := range streams {
		resp, err := http.Get(p.url + path)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v, %v", path, resp, err)
		}
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
			t.Fatalf("%s: %q, %v", path, line, err)
		}
		go func() { // ends with the program
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			ended <- path
		}()
	}
	socket, _, err := websocket.Dial(t.Context(), p.url+"/api/chat/lobby/socket?nick=Bob", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.CloseNow() }()
	go func() { // ends with the program
		var err error
		for err == nil {
			_, _, err = socket.Read(context.Background())
		}
		ended <- fmt.Sprint("socket ", websocket.CloseStatus(err))
	}()
	for end := time.Now().Add(20 * time.Second); ; { // what jobs begin with
		if status, _ := p.get(t, "/api/rates"); status == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no rates")
		}
	}
	pids := map[int]bool{}
	for _, where := range []string{"process", "process", "thread", "cooperative"} {
		resp, err := http.Post(p.url+"/api/jobs", "application/json", strings.NewReader(fmt.Sprintf(`{"kind":"montecarlo","effort":100,"where":%q}`, where)))
		if err != nil || resp.StatusCode != http.StatusAccepted {
			t.Fatalf("%s: %v, %v", where, resp, err)
		}
		resp.Body.Close()
		location := resp.Header.Get("Location")
		for end := time.Now().Add(20 * time.Second); ; {
			if _, body := p.get(t, location); strings.Contains(body, `"state":"running"`) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: does not run", where)
			}
		}
		if where == "thread" {
			go func() { // ends with the program
				req, _ := http.NewRequest(http.MethodGet, p.url+location, nil)
				req.Header.Set("Prefer", "wait=30")
				resp, err := http.DefaultClient.Do(req)
				if err == nil {
					resp.Body.Close()
					err = errors.New(resp.Status)
				}
				ended <- fmt.Sprint("wait ", err)
			}()
		}
	}
	for end := time.Now().Add(20 * time.Second); len(pids) == 0; {
		var status struct {
			Processes struct{ Workers []struct{ PID int } }
		}
		_, body := p.get(t, "/api/status")
		if err := json.Unmarshal([]byte(body), &status); err != nil {
			t.Fatal(err)
		}
		for _, w := range status.Processes.Workers {
			pids[w.PID] = true
		}
		if time.Now().After(end) {
			t.Fatal("no worker in the status")
		}
	}
	p.stop(t, syscall.SIGTERM)
	for range len(streams) + 2 {
		select {
		case what := <-ended:
			if strings.HasPrefix(what, "socket") && what != fmt.Sprint("socket ", websocket.StatusGoingAway) || strings.HasPrefix(what, "wait") && !strings.Contains(what, "503") {
				t.Error(what)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("a client still waits")
		}
	}
	for pid := range pids {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
			t.Errorf("worker %d is left", pid)
		}
	}
}

func TestHelpExplainsTheFlags(t *testing.T) {
	out, err := exec.Command(binary, "-h").CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"-addr address", "-feed URL", "-every duration", "-workers processes", "-threads threads", "-drip duration", "within five seconds", "127.0.0.1:8080"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
