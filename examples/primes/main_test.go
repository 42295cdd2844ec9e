package main

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/procpool"
)

func TestMain(m *testing.M) {
	procpool.ServeIfWorker()
	goleak.VerifyTestMain(m)
}

// killer reads the bar, and kills the first worker in it by hand.
type killer struct {
	mu     sync.Mutex // guards what follows
	text   strings.Builder
	killed int
}

var bar = regexp.MustCompile(`workers (\d+)`)

func (k *killer) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.text.Write(b)
	if m := bar.FindSubmatch(b); m != nil && k.killed == 0 && strings.Contains(string(b), "=") {
		k.killed, _ = strconv.Atoi(string(m[1]))
		if p, err := os.FindProcess(k.killed); err == nil {
			_ = p.Kill()
		}
	}
	return len(b), nil
}

func TestCountsThroughTheDeathOfAWorker(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a few seconds of all processors")
	}
	var out killer
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx, options{to: 100_000_000, step: 5_000_000, workers: 2, every: 5 * time.Millisecond}, &out); err != nil {
		t.Fatal(err)
	}
	text := out.text.String()
	if !strings.Contains(text, "\n5761455 primes below 100000000; 20 jobs, ") || !strings.Contains(text, "] 100.0 %") {
		t.Errorf("%q", text[max(0, len(text)-200):])
	}
	// It may have had no job at that very moment.
	if out.killed == 0 || !regexp.MustCompile(`[01] of them run again, 3 workers`).MatchString(text) {
		t.Errorf("killed %d: %q", out.killed, text[max(0, len(text)-200):])
	}
}

func TestCount(t *testing.T) {
	for to, want := range map[uint64]int{0: 0, 2: 0, 3: 1, 100: 25, 1_000_000: 78498} {
		var out killer
		out.killed = -1
		if err := run(context.Background(), options{to: to, step: 300_000, workers: 1, every: time.Second}, &out); err != nil {
			t.Fatal(err)
		}
		if got := out.text.String(); !regexp.MustCompile(`\n` + strconv.Itoa(want) + ` primes below `).MatchString(got) {
			t.Errorf("below %d: %q", to, got)
		}
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	var out killer
	if err := run(ctx, options{to: 1 << 40, step: 1 << 36, workers: 1, every: time.Second}, &out); err == nil {
		t.Error("no error")
	}
}
