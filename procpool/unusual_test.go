//go:build unix

package procpool_test

import (
	"encoding/json"
	"os"
	"os/signal"
	"strconv"
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
// "hold". Of these it says how many jobs it has behind them, none at first. Their
// answer, and the jobs behind them, which it gives back, are on their way until it
// gets SIGUSR1 and has given one back, or SIGUSR2.
func lateWorker() {
	proceed := make(chan os.Signal, 1)
	signal.Notify(proceed, syscall.SIGUSR1, syscall.SIGUSR2)
	var out []byte // what is on its way
	send := func(t frame.Type, id uint64, body string) {
		out = append(frame.Append(out, t, frame.Encoded, id, "", len(body)), body...)
	}
	held := uint64(0)     // the job that is, if one is
	var behind, given int // jobs
	var sig os.Signal     // that came
	write := func(b []byte) {
		for len(b) > 0 {
			n, err := syscall.Write(3, b)
			if err != nil {
				os.Exit(1)
			}
			b = b[n:]
		}
	}
	says := func(id uint64, behind int) {
		body := strconv.Itoa(behind)
		write(append(frame.Append(nil, frame.Progress, frame.Encoded, id, "", len(body)), body...))
	}
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
		if held == 0 || behind == 0 && (sig == syscall.SIGUSR2 || sig == syscall.SIGUSR1 && given > 0) {
			held, given, sig = 0, 0, nil
			write(out)
			out = nil
		}
		select {
		case f := <-frames:
			switch {
			case f.Type == frame.Welcome:
				send(frame.Ready, 0, "{}")
			case f.Type == frame.Job && string(f.Name) == "hold":
				held = f.ID
				says(held, behind)
				send(frame.Result, held, "1")
			case f.Type == frame.Job && held != 0:
				behind++
				says(held, behind)
			case f.Type == frame.Job:
				send(frame.Result, f.ID, "1")
			case f.Type == frame.Recall && held != 0:
				behind--
				given++
				send(frame.Returned, f.ID, "")
			case f.Type == frame.Retire:
				os.Exit(0)
			}
		case sig = <-proceed:
		}
	}
}

// A job that was sent ahead is cancelled, and is given back just when the one before
// it has ended. What waits in the queue is run by the same worker, at once.
func TestProcpool_P05_GivenBackAsTheFirst(t *testing.T) {
	p := newPool(t, procpool.Config{Min: 1, Max: 1, Command: []string{os.Args[0]}, Env: []string{lateVar + "=1"}, Grace: soon})
	quick, hold := procpool.Declare[int, int]("quick"), procpool.Declare[int, int]("hold")
	ahead := false
	for tries := 0; !ahead; tries++ {
		if tries == 50 {
			t.Skip("so slow a machine that no job is sent ahead")
		}
		var warm []*eventual.Result[int]
		for i := range 300 { // until they are
			warm = append(warm, procpool.DeferToProcess(bg, p, quick, i))
		}
		begun, waits := make(chan struct{}, 1), make(chan struct{}, 1)
		first := procpool.DeferWithProgress(bg, p, hold, 1, func(behind int) {
			c := begun
			if behind > 0 {
				c = waits
			}
			select {
			case c <- struct{}{}:
			default:
			}
		})
		second := procpool.DeferToProcess(bg, p, quick, 2)
		for _, r := range warm {
			if _, err := r.Wait(soon); err != nil {
				t.Fatal(err)
			}
		}
		<-begun
		sig := syscall.SIGUSR2
		select {
		case <-waits:
			ahead, sig = true, syscall.SIGUSR1
		case <-time.After(50 * time.Millisecond): // probably it never will
		}
		third := procpool.DeferToProcess(bg, p, quick, 3)
		if ahead {
			second.Cancel()
		}
		if err := syscall.Kill(p.Stats().Workers[0].PID, sig); err != nil {
			t.Fatal(err)
		}
		for i, r := range []*eventual.Result[int]{first, third} {
			if n, err := r.Wait(soon / 2); n != 1 || err != nil {
				t.Errorf("job %d: %d, %v", i, n, err)
			}
		}
		if _, err := second.Wait(soon); (err != nil) != ahead {
			t.Errorf("sent ahead, cancelled and given back %v: %v", ahead, err)
		}
	}
	if s := p.Stats(); s.Started != 1 || s.Died != 0 {
		t.Errorf("it cost workers: %+v", s)
	}
}
