package jobs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/examples/flaskish/internal/compute"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

func TestMain(m *testing.M) {
	procpool.ServeIfWorker() // this test is the program of its workers too
	goleak.VerifyTestMain(m)
}

const patience = time.Minute

type server struct {
	*httptest.Server
	jobs *Jobs
}

// serve serves jobs over real HTTP, with one worker of each kind.
func serve(t *testing.T) *server {
	log := slog.New(slog.DiscardHandler)
	r := reactor.New(reactor.Config{Name: "jobs", Logger: log})
	r.Start()
	threads, err := threadpool.New(threadpool.Config{Name: "jobs", Max: 1, QueueLimit: 2, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	processes, err := procpool.New(procpool.Config{Name: "jobs", Max: 1, QueueLimit: 2, Logger: log, InProcess: runtime.GOOS == "windows"})
	if err != nil {
		t.Fatal(err)
	}
	cooperator := coiterate.New(r, coiterate.Config{Name: "jobs"})
	j, err := New(Config{
		Site: &site.Site{Logger: log}, Pools: Pools{processes, threads, cooperator}, Board: NewBoard(r, time.Minute), Keep: time.Minute,
		Market: func() (compute.Market, error) {
			return compute.Market{Currency: "USD", Rate: 1.17, Volatility: 0.004}, nil
		},
		CanCrash: runtime.GOOS != "windows",
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	j.Register(mux)
	srv := httptest.NewUnstartedServer(site.WithPolicy(mux))
	httpbridge.EndOnShutdown(srv.Config)
	srv.Start()
	t.Cleanup(func() {
		j.Close()
		srv.Config.RegisterOnShutdown(func() {})
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Config.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
		cooperator.Stop()
		for _, stop := range []func(context.Context) error{threads.Stop, processes.Stop, r.Stop} {
			if err := stop(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	return &server{srv, j}
}

// visitor returns a client with a session of its own.
func (s *server) visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: s.Client().Transport}
	resp, err := c.Get(s.URL + "/jobs")
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	return c
}

// send makes a request and reads the response.
func (s *server) send(t *testing.T, c *http.Client, method, path, body string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, got
}

// begin has a job accepted, and returns its location.
func (s *server) begin(t *testing.T, c *http.Client, body string) string {
	t.Helper()
	resp, got := s.send(t, c, http.MethodPost, "/api/jobs", body)
	location := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusAccepted || !strings.HasPrefix(location, resultPath) || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%s: %d, %v, %s", body, resp.StatusCode, resp.Header, got)
	}
	return location
}

// outcome waits for the outcome of a job.
func (s *server) outcome(t *testing.T, c *http.Client, location string, header ...string) (*http.Response, []byte) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		resp, body := s.send(t, c, http.MethodGet, location, "", append(header, "Prefer", "wait=5")...)
		if resp.StatusCode != http.StatusAccepted {
			return resp, body
		}
	}
	t.Fatal("no outcome")
	return nil, nil
}

func TestTheSameJobAnywhere(t *testing.T) {
	s := serve(t)
	c := s.visitor(t)
	pictures := map[string][]byte{}
	for _, kind := range compute.Kinds {
		for _, where := range Places {
			location := s.begin(t, c, fmt.Sprintf(`{"kind":%q,"where":%q,"effort":1,"seed":3}`, kind, where))
			resp, body := s.outcome(t, c, location)
			var got Result
			if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != 200 || got.Kind != kind || got.Where != where || len(got.Facts) < 3 {
				t.Fatalf("%s in a %s: %d %s", kind, where, resp.StatusCode, body)
			}
			// Any number of times, and as a picture to those who accept one.
			resp, body = s.send(t, c, http.MethodGet, location, "", "Accept", "image/avif,image/webp,image/*,*/*;q=0.8")
			if img, err := png.Decode(bytes.NewReader(body)); err != nil || img.Bounds().Dx() != 720 || resp.Header.Get("Content-Type") != "image/png" {
				t.Errorf("%s in a %s: picture: %v, %v", kind, where, resp.Header, err)
			}
			if pictures[kind] == nil {
				pictures[kind] = body
			} else if !bytes.Equal(pictures[kind], body) {
				t.Errorf("%s in a %s: another picture", kind, where)
			}
		}
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	s := serve(t)
	c := s.visitor(t)
	for body, want := range map[string]struct {
		status int
		field  string
	}{
		`{"kind":"nothing"}`:                                    {422, "kind"},
		`{}`:                                                    {422, "kind"},
		`{"kind":"mandelbrot","where":"moon"}`:                  {422, "where"},
		`{"kind":"mandelbrot","effort":101}`:                    {422, "effort"},
		`{"kind":"mandelbrot","effort":-1}`:                     {422, "effort"},
		`{"kind":"mandelbrot","crash":"gently"}`:                {422, "crash"},
		`{"kind":"mandelbrot","where":"thread","crash":"kill"}`: {422, "where"},
		`{"kind":"mandelbrot","color":"red"}`:                   {400, ""},
		`{"kind":"mandelbrot"} {}`:                              {400, ""},
		`[]`:                                                    {400, ""},
		``:                                                      {400, ""},
		`{"kind":"` + strings.Repeat("x", 5000) + `"}`: {413, ""},
	} {
		resp, got := s.send(t, c, http.MethodPost, "/api/jobs", body)
		var doc map[string]any
		if err := json.Unmarshal(got, &doc); err != nil || resp.StatusCode != want.status || want.field != "" && doc["field"] != want.field || resp.Header.Get("Location") != "" {
			t.Errorf("%.60s: %d %s", body, resp.StatusCode, got)
		}
	}
	if st := s.jobs.Stats(); st.Counted != 0 {
		t.Errorf("%+v", st)
	}
}

func TestAResultIsItsOwners(t *testing.T) {
	s := serve(t)
	c, other := s.visitor(t), s.visitor(t)
	location := s.begin(t, c, `{"kind":"montecarlo","effort":1}`)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if resp, _ := s.send(t, other, method, location, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("somebody else's %s: %d", method, resp.StatusCode)
		}
	}
	if resp, _ := s.outcome(t, c, location); resp.StatusCode != 200 {
		t.Errorf("its owner: %d", resp.StatusCode)
	}
}

func TestAWorkersDeathIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("what a worker died of is told in other words on windows")
	}
	s := serve(t)
	c := s.visitor(t)
	board := s.board(t, c)
	for how, want := range map[string]string{"kill": "signal: killed", "panic": "code 2", "exit": "code 3"} {
		location := s.begin(t, c, fmt.Sprintf(`{"kind":"montecarlo","effort":1,"crash":%q}`, how))
		resp, body := s.outcome(t, c, location)
		var doc struct {
			Title, Detail, Stderr string
			PID                   int
		}
		if err := json.Unmarshal(body, &doc); err != nil || resp.StatusCode != 500 || !strings.Contains(doc.Detail, want) || doc.PID == 0 || doc.PID == os.Getpid() {
			t.Errorf("%s: %d %s, %v", how, resp.StatusCode, body, err)
		}
		if how == "panic" && !strings.Contains(doc.Stderr, "a bug in a library") {
			t.Errorf("standard error: %q", doc.Stderr)
		}
		v := board.until(t, location, stateFailed)
		if v.Problem == nil || v.Problem.Detail != doc.Detail || v.Percent < 100*crashAt-5 || v.Percent > 100*crashAt+5 {
			t.Errorf("%s: on the board: %+v", how, v)
		}
	}
	location := s.begin(t, c, `{"kind":"montecarlo","effort":1}`) // by another worker
	if resp, body := s.outcome(t, c, location); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", resp.StatusCode, body)
	}
}

func TestCancelAndRemove(t *testing.T) {
	s := serve(t)
	c := s.visitor(t)
	board := s.board(t, c)
	for _, where := range Places {
		location := s.begin(t, c, fmt.Sprintf(`{"kind":"montecarlo","effort":100,"where":%q}`, where))
		board.until(t, location, stateRunning)
		if resp, _ := s.send(t, c, http.MethodDelete, location, ""); resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s: %d", where, resp.StatusCode)
		}
		if v := board.until(t, location, stateCanceled); v.Percent > 99 {
			t.Errorf("%s: %+v", where, v)
		}
		if resp, _ := s.send(t, c, http.MethodGet, location, ""); resp.StatusCode != http.StatusGone {
			t.Errorf("%s: afterwards %d", where, resp.StatusCode)
		}
		if resp, _ := s.send(t, c, http.MethodDelete, location, ""); resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s, again: %d", where, resp.StatusCode)
		}
		board.until(t, location, "")
		// The worker is free: with one of each kind, the next job would wait for ever.
		if resp, body := s.outcome(t, c, s.begin(t, c, fmt.Sprintf(`{"kind":"montecarlo","effort":1,"where":%q}`, where))); resp.StatusCode != 200 {
			t.Errorf("%s, the next: %d %s", where, resp.StatusCode, body)
		}
	}
}

func TestTooManyJobs(t *testing.T) {
	s := serve(t)
	c, other := s.visitor(t), s.visitor(t)
	board := s.board(t, c)
	var accepted []string
	for { // one runs, two wait
		resp, body := s.send(t, c, http.MethodPost, "/api/jobs", `{"kind":"montecarlo","effort":100,"where":"thread"}`)
		if resp.StatusCode == http.StatusServiceUnavailable {
			if resp.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
		if resp.StatusCode != http.StatusAccepted || len(accepted) > 3 {
			t.Fatalf("job %d: %d %s", len(accepted), resp.StatusCode, body)
		}
		accepted = append(accepted, resp.Header.Get("Location"))
	}
	for _, location := range accepted {
		if resp, _ := s.send(t, c, http.MethodDelete, location, ""); resp.StatusCode != http.StatusNoContent {
			t.Errorf("%d", resp.StatusCode)
		}
		board.until(t, location, stateCanceled)
	}
	if n := len(board.last); n != len(accepted) {
		t.Errorf("%d jobs on the board, %d were accepted", n, len(accepted))
	}
	// A client has only so many at once, wherever they are.
	refused := 0
	for range perOwner + 1 {
		resp, _ := s.send(t, other, http.MethodPost, "/api/jobs", `{"kind":"mandelbrot","effort":100,"where":"cooperative"}`)
		if resp.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d of %d jobs of one client refused, want 1", refused, perOwner+1)
	}
}

// board is a stream of a visitor's jobs.
type board struct {
	*bufio.Scanner
	last []View
}

func (s *server) board(t *testing.T, c *http.Client) *board {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/jobs/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	b := &board{Scanner: bufio.NewScanner(resp.Body)}
	b.Buffer(nil, 1<<20)
	return b
}

// until reads until the job at location is in a state; "" is that it is not there.
func (b *board) until(t *testing.T, location, state string) View {
	t.Helper()
	for b.Scan() {
		data, ok := strings.CutPrefix(b.Text(), "data: ")
		if !ok {
			continue
		}
		b.last = nil
		if err := json.Unmarshal([]byte(data), &b.last); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		found := View{}
		for _, v := range b.last {
			if v.Location == location {
				found = v
			}
		}
		if found.State == state {
			return found
		}
	}
	t.Fatalf("the stream ended: %v", b.Err())
	return View{}
}

func TestTheBoardIsForItsOwner(t *testing.T) {
	s := serve(t)
	if resp, _ := s.send(t, s.Client(), http.MethodGet, "/api/jobs/events", ""); resp.StatusCode != http.StatusForbidden {
		t.Errorf("without a cookie: %d", resp.StatusCode)
	}
	c, other := s.visitor(t), s.visitor(t)
	location := s.begin(t, c, `{"kind":"montecarlo","effort":1}`)
	s.board(t, other).until(t, location, "") // which is told at once that there is nothing
	b := s.board(t, c)
	if v := b.until(t, location, stateDone); v.Percent != 100 || v.Seconds <= 0 || v.Kind != "montecarlo" || v.Where != Process {
		t.Errorf("%+v", v)
	}
	// One who looks again, as after a reload, sees the same.
	if v := s.board(t, c).until(t, location, stateDone); v.Percent != 100 {
		t.Errorf("%+v", v)
	}
}

func TestProgressOfOneJob(t *testing.T) {
	s := serve(t)
	c := s.visitor(t)
	location := s.begin(t, c, `{"kind":"montecarlo","effort":2}`)
	resp, body := s.send(t, c, http.MethodGet, location+"/events", "")
	if resp.StatusCode != 200 || !strings.Contains(string(body), "percent") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
