//go:build unix

package procpool_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// transitions are changes of workers' states, by their names.
type transitions map[string]bool

// documentedTransitions are those that the comment at State lists.
func documentedTransitions(t *testing.T) transitions {
	t.Helper()
	source, err := os.ReadFile("worker.go")
	if err != nil {
		t.Fatal(err)
	}
	serving := "starting, idle, busy, canceling, recycling" // what "any" stands for: none leaves Dying but for Gone
	all := make(transitions)
	for _, m := range regexp.MustCompile(`(?m)^//\t([A-Za-z, ]+) -> (\w+) `).FindAllStringSubmatch(string(source), -1) {
		from, to := strings.ToLower(strings.TrimSpace(m[1])), strings.ToLower(m[2])
		if from == "any" {
			from = serving
		}
		for one := range strings.SplitSeq(from, ", ") {
			all[one+" -> "+to] = true
		}
	}
	if len(all) < 10 {
		t.Fatalf("the comment at State was not understood: %v", all)
	}
	return all
}

// stateWatch notes what the workers of a pool do.
type stateWatch struct {
	mu   sync.Mutex // guards what follows
	is   map[int]procpool.State
	seen transitions
	bad  []string
}

func (s *stateWatch) changed(worker int, from, to procpool.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.is[worker]; was != from { // Starting if it is new
		s.bad = append(s.bad, fmt.Sprintf("worker %d was %v, and comes from %v", worker, was, from))
	}
	s.is[worker] = to
	s.seen[fmt.Sprintf("%v -> %v", from, to)] = true
}

// during has a pool watched while fn uses it, and until its workers are gone.
func (s *stateWatch) during(t *testing.T, cfg procpool.Config, fn func(*procpool.Pool)) {
	t.Helper()
	cfg.Stopped = true
	p := newPool(t, cfg)
	procpool.WatchStates(p, s.changed)
	fn(p)
	if err := p.Stop(bg); err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, state := range s.is {
		if state != procpool.Gone {
			t.Errorf("worker %d is %v at the end", id, state)
		}
	}
	t.Logf("%d workers", len(s.is))
	clear(s.is)
}

// TestProcpool_P04_States: workers that are killed, cancelled, recycled, idle too
// long and too many change their state in the documented ways, and in all of them.
func TestProcpool_P04_States(t *testing.T) {
	t.Parallel()
	w := &stateWatch{is: make(map[int]procpool.State), seen: make(transitions)}
	w.during(t, procpool.Config{Min: 1, Max: 3, RecycleAfter: 30, IdleTimeout: 5 * time.Millisecond, Grace: 20 * time.Millisecond}, func(p *procpool.Pool) {
		p.Start()
		done := make(chan struct{})
		var trouble sync.WaitGroup
		trouble.Go(func() { killSome(p, done) })
		trouble.Go(func() { resize(p, done) })
		rounds := 15
		if testing.Short() || raceDetector {
			rounds = 5
		}
		for range rounds {
			mixedJobs(t, p)
		}
		close(done)
		trouble.Wait()
	})
	// And what the storm has not come by.
	w.during(t, procpool.Config{Max: 1, Grace: 20 * time.Millisecond}, func(p *procpool.Pool) { violentEnds(t, p) })
	w.during(t, procpool.Config{Max: 1, Grace: soon, RecycleAfter: 2}, func(p *procpool.Pool) {
		p.Start()
		r := procpool.DeferToProcess(bg, p, sleep, soon) // obeys
		eventually(t, "busy", func() bool { return countState(p, procpool.Busy) == 1 })
		r.Cancel()
		if v, err := r.Wait(soon); err == nil {
			t.Errorf("%q", v)
		}
		if n, err := procpool.DeferToProcess(bg, p, square, 6).Wait(soon); n != 36 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		eventually(t, "it has had its two jobs", func() bool { return len(p.Stats().Workers) == 0 })
	})
	w.during(t, procpool.Config{Max: 1, IdleTimeout: time.Millisecond}, func(p *procpool.Pool) {
		p.Start()
		if _, err := procpool.DeferToProcess(bg, p, square, 1).Wait(soon); err != nil {
			t.Error(err)
		}
		eventually(t, "none is idle", func() bool { return len(p.Stats().Workers) == 0 })
	})
	program := filepath.Join(t.TempDir(), "program")
	for _, there := range []bool{true, false} { // it exits, or cannot be started
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		w.during(t, procpool.Config{Max: 1, Command: []string{program}}, func(p *procpool.Pool) {
			if !there {
				if err := os.Remove(program); err != nil {
					t.Fatal(err)
				}
			}
			p.Start()
			if _, err := procpool.DeferToProcess(bg, p, square, 1).Wait(soon); !errors.Is(err, procpool.ErrWorkersFailing) {
				t.Error(err)
			}
		})
	}

	all := documentedTransitions(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	for tr := range all {
		if !w.seen[tr] {
			t.Errorf("%s was never seen", tr)
		}
	}
	for tr := range w.seen {
		if !all[tr] {
			t.Errorf("%s is not documented", tr)
		}
	}
	if len(w.bad) > 0 {
		t.Error(w.bad)
	}
}

// violentEnds has workers of p, one after the other, be killed in each way.
func violentEnds(t *testing.T, p *procpool.Pool) {
	t.Helper()
	p.Start()
	idle := func() {
		t.Helper()
		if _, err := procpool.DeferToProcess(bg, p, square, 1).Wait(soon); err != nil {
			t.Fatal(err)
		}
		eventually(t, "idle", func() bool { return countState(p, procpool.Idle) == 1 })
	}
	kill := func() { _ = syscall.Kill(p.Stats().Workers[0].PID, syscall.SIGKILL) }
	idle()
	kill()
	eventually(t, "it is gone", func() bool { return len(p.Stats().Workers) == 0 })
	for _, end := range []func(*eventual.Result[string]){
		func(*eventual.Result[string]) { kill() },
		func(r *eventual.Result[string]) { r.Cancel() },
	} {
		idle()
		r := runs(t, p, soon)
		end(r)
		if v, err := r.Wait(soon); err == nil {
			t.Errorf("%q", v)
		}
	}
}

// mixedJobs runs jobs of all kinds: short, asked to stop, killed for not stopping.
func mixedJobs(t *testing.T, p *procpool.Pool) {
	t.Helper()
	var short []*eventual.Result[int]
	for i := range 50 {
		short = append(short, procpool.DeferToProcess(bg, p, square, i))
	}
	stops := procpool.DeferToProcess(bg, p, sleep, soon)
	goesOn := procpool.DeferToProcess(bg, p, sleepOn, soon)
	behind := procpool.DeferToProcess(bg, p, square, 50)
	for i, r := range append(short[:40:40], behind) {
		n, err := r.Wait(soon)
		if _, died := errors.AsType[*procpool.WorkerExitError](err); !died && (err != nil || n != i*i && i < 40) && !errors.Is(err, procpool.ErrWorkersFailing) {
			t.Errorf("job %d: %d, %v", i, n, err)
		}
		if i == 20 {
			stops.Cancel()
			goesOn.Cancel()
		}
	}
	for _, r := range short[40:] {
		r.Cancel()
		_, _ = r.Wait(soon)
	}
	for _, r := range []*eventual.Result[string]{stops, goesOn} {
		if v, err := r.Wait(soon); err == nil {
			t.Errorf("%q", v)
		}
	}
}

// killSome kills workers in any state until done, each after some job has succeeded,
// so that the work goes on however long a worker takes to start.
func killSome(p *procpool.Pool, done <-chan struct{}) {
	had := uint64(0)
	for {
		select {
		case <-done:
			return
		case <-time.After(rand.N(20 * time.Millisecond)):
		}
		s := p.Stats()
		ws := slices.DeleteFunc(s.Workers, func(w procpool.WorkerStats) bool { return w.PID == 0 || w.State >= procpool.Dying })
		if len(ws) > 0 && s.Succeeded > had {
			had = s.Succeeded
			_ = syscall.Kill(ws[rand.IntN(len(ws))].PID, syscall.SIGKILL)
		}
	}
}

// resize changes the size of the pool until done.
func resize(p *procpool.Pool, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(rand.N(20 * time.Millisecond)):
		}
		_ = p.AdjustPoolSize(rand.IntN(2), 1+rand.IntN(3))
	}
}
