//go:build unix

package procpool_test

import (
	"encoding/json"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/frame"
	"github.com/trestle-go/trestle/procpool"
)

// What the environment may ask of a worker of these tests.
const (
	gateVar = "PROCPOOL_TEST_GATE" // to begin only when the file of this name is there
	lateVar = "PROCPOOL_TEST_LATE" // to be a lateWorker
)

// unusualWorker is what a worker does before it serves, or in place of that.
func unusualWorker() {
	if path := os.Getenv(gateVar); path != "" {
		for !exists(path) {
			time.Sleep(2 * time.Millisecond)
		}
	}
	if os.Getenv(lateVar) != "" {
		lateWorker()
	}
}

// lateWorker answers each job with 1, and at once, but for those of the function
// "hold": their answer, and the jobs behind them, which it gives back, are on their
// way until it gets SIGUSR1.
func lateWorker() {
	proceed := make(chan os.Signal, 1)
	signal.Notify(proceed, syscall.SIGUSR1)
	var out []byte // what is on its way
	send := func(t frame.Type, id uint64, body string) {
		out = append(frame.Append(out, t, frame.Encoded, id, "", len(body)), body...)
	}
	held, behind, let := false, 0, false
	frames := make(chan frame.Frame)
	go func() { // ends with the process
		r := frame.NewReader(func(b []byte) (int, error) { return syscall.Read(3, b) }, 1<<20)
		for {
			f, err := r.Next()
			if err != nil {
				os.Exit(1)
			}
			f.Body, f.Name = append([]byte(nil), f.Body...), append([]byte(nil), f.Name...)
			frames <- f
		}
	}()
	hello, _ := json.Marshal(map[string]any{"protocol": 1, "pid": os.Getpid(), "program": "late", "codecs": []string{"json"}})
	send(frame.Hello, 0, string(hello))
	for {
		if !held || let && behind == 0 {
			held, let = false, false
			for len(out) > 0 {
				n, err := syscall.Write(3, out)
				if err != nil {
					os.Exit(1)
				}
				out = out[n:]
			}
		}
		select {
		case f := <-frames:
			switch {
			case f.Type == frame.Welcome:
				send(frame.Ready, 0, "{}")
			case f.Type == frame.Job && string(f.Name) == "hold":
				held = true
				send(frame.Result, f.ID, "1")
			case f.Type == frame.Job && held:
				behind++
			case f.Type == frame.Job:
				send(frame.Result, f.ID, "1")
			case f.Type == frame.Recall && held:
				behind--
				send(frame.Returned, f.ID, "")
			case f.Type == frame.Retire:
				os.Exit(0)
			}
		case <-proceed:
			let = held
		}
	}
}

// A job that was sent ahead is cancelled, and is given back just when the one before
// it has ended. What waits in the queue is run by the same worker, at once.
func TestProcpool_P05_GivenBackAsTheFirst(t *testing.T) {
	p := newPool(t, procpool.Config{Min: 1, Max: 1, Command: []string{os.Args[0]}, Env: []string{lateVar + "=1"}, Grace: soon})
	quick, hold := procpool.Declare[int, int]("quick"), procpool.Declare[int, int]("hold")
	var warm []*eventual.Result[int]
	for i := range 300 { // until jobs are sent ahead
		warm = append(warm, procpool.DeferToProcess(bg, p, quick, i))
	}
	first := procpool.DeferToProcess(bg, p, hold, 1)
	second := procpool.DeferToProcess(bg, p, quick, 2)
	for _, r := range warm {
		if _, err := r.Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the second was sent ahead", func() bool { return p.Stats().Queued == 0 })
	third := procpool.DeferToProcess(bg, p, quick, 3) // stays in the queue: the first has taken long
	second.Cancel()
	if err := syscall.Kill(p.Stats().Workers[0].PID, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for i, r := range []*eventual.Result[int]{first, third} {
		if n, err := r.Wait(soon / 2); n != 1 || err != nil {
			t.Errorf("job %d: %d, %v", i, n, err)
		}
	}
	if _, err := second.Wait(soon); err == nil {
		t.Error("a job that was cancelled and given back has a value")
	}
	if s := p.Stats(); s.Started != 1 || s.Died != 0 {
		t.Errorf("it cost workers: %+v", s)
	}
}
