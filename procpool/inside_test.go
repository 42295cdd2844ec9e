//go:build unix || windows

package procpool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// Values whose own encoding does what it should not.
type (
	panicsEncoding struct{ A int }
	panicsDecoding struct{ A int }
	exitsDecoding  struct{ A int }
)

func (panicsEncoding) GobEncode() ([]byte, error) { panic("no encoding") }
func (*panicsEncoding) GobDecode([]byte) error    { return nil }
func (panicsDecoding) GobEncode() ([]byte, error) { return []byte{1}, nil }
func (*panicsDecoding) GobDecode([]byte) error    { panic("no decoding") }
func (exitsDecoding) GobEncode() ([]byte, error)  { return []byte{1}, nil }
func (*exitsDecoding) GobDecode([]byte) error     { runtime.Goexit(); return nil }

var (
	takesEncoding = procpool.Register("takesEncoding", func(context.Context, panicsEncoding) (int, error) { return 1, nil })
	takesDecoding = procpool.Register("takesDecoding", func(context.Context, panicsDecoding) (int, error) { return 1, nil })
	takesExiting  = procpool.Register("takesExiting", func(context.Context, exitsDecoding) (int, error) { return 1, nil })
	givesEncoding = procpool.Register("givesEncoding", func(context.Context, int) (panicsEncoding, error) { return panicsEncoding{1}, nil })
	givesDecoding = procpool.Register("givesDecoding", func(context.Context, int) (panicsDecoding, error) { return panicsDecoding{1}, nil })
	givesExiting  = procpool.Register("givesExiting", func(context.Context, int) (exitsDecoding, error) { return exitsDecoding{1}, nil })
	givesBytes    = procpool.Register("givesBytes", func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil })
	givesText     = procpool.Register("givesText", func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil })
	reportsBytes  = procpool.Register("reportsBytes", func(ctx context.Context, n int) (int, error) {
		return n, procpool.Progress(ctx, make([]byte, n))
	})
	callsParent = procpool.Register("callsParent", func(ctx context.Context, name string) (int, error) {
		return procpool.CallParent[int, int](ctx, name, 1)
	})
)

// Encodings of the user's that panic, or end their goroutine, fail their job alone.
func TestProcpool_P01_EncodingsThatPanic(t *testing.T) {
	p := newPool(t, procpool.Config{Name: "coder", Max: 1})
	check := func(what string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := procpool.DeferToProcess(bg, p, takesEncoding, panicsEncoding{1}).Wait(soon)
	check("encoding the argument", err, "no encoding")
	_, err = procpool.DeferToProcess(bg, p, takesDecoding, panicsDecoding{1}).Wait(soon)
	check("decoding the argument", err, "no decoding")
	_, err = procpool.DeferToProcess(bg, p, takesExiting, exitsDecoding{1}).Wait(soon)
	check("a Goexit while decoding the argument", err, "Goexit")
	_, err = procpool.DeferToProcess(bg, p, givesEncoding, 1).Wait(soon)
	check("encoding the result", err, "no encoding")
	_, err = procpool.DeferToProcess(bg, p, givesDecoding, 1).Wait(soon)
	check("decoding the result", err, "no decoding")
	_, err = procpool.DeferToProcess(bg, p, givesExiting, 1).Wait(soon)
	check("a Goexit while decoding the result", err, "Goexit")
	if n, err := procpool.DeferToProcess(bg, p, square, 6).Wait(soon); n != 36 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if s := p.Stats(); s.Started != 1 || s.Died != 0 {
		t.Errorf("it cost workers: %+v", s)
	}
}

func TestProcpool_P01_Names(t *testing.T) {
	p := newPool(t, procpool.Config{Name: "names", Max: 1})
	for what, f := range map[string]*procpool.Func[int, int]{
		"at most 65535": procpool.Declare[int, int](strings.Repeat("n", 1<<16)),
		"no name":       procpool.Declare[int, int](""),
		"nil function":  nil,
	} {
		if _, err := procpool.DeferToProcess(bg, p, f, 1).Wait(0); err == nil || !strings.Contains(err.Error(), what) || len(err.Error()) > 500 {
			t.Errorf("%s: %.600v", what, err)
		}
	}
	_, err := procpool.DeferToProcess(bg, p, procpool.Declare[int, int](strings.Repeat("n", 1<<16-1)), 1).Wait(soon)
	if !errors.Is(err, procpool.ErrUnknownFunction) {
		t.Errorf("the longest name: %.100v", err)
	}
	if s := p.Stats(); s.Died != 0 {
		t.Errorf("it cost workers: %+v", s)
	}
}

// What is too large is an error of the side that would send it.
func TestProcpool_P10_TooLargeAResult(t *testing.T) {
	p := newPool(t, procpool.Config{Name: "small", Max: 1, MaxPayload: 1000})
	_, err := procpool.DeferToProcess(bg, p, givesBytes, 1001).Wait(soon)
	_, err2 := procpool.DeferToProcess(bg, p, givesText, 1001).Wait(soon)
	_, err3 := procpool.DeferToProcess(bg, p, reportsBytes, 1001).Wait(soon)
	for _, err := range []error{err, err2, err3} {
		if err == nil || !strings.Contains(err.Error(), "at most 1000 may be sent") {
			t.Errorf("%v", err)
		}
	}
	if b, err := procpool.DeferToProcess(bg, p, givesBytes, 1000).Wait(soon); len(b) != 1000 || err != nil {
		t.Errorf("%d, %v", len(b), err)
	}
	if s := p.Stats(); s.Started != 1 || s.Died != 0 {
		t.Errorf("it cost workers: %+v", s)
	}
}

// A job that was sent ahead and given back waits in the queue again. What is to
// end it ends it there, not when a worker is free at last.
func TestProcpool_P05_GivenBack(t *testing.T) {
	p := newPool(t, procpool.Config{Name: "patient", Min: 1, Max: 1})
	var warm []*eventual.Result[int]
	for i := range 300 { // until jobs are sent ahead
		warm = append(warm, procpool.DeferToProcess(bg, p, square, i))
	}
	long := procpool.DeferToProcess(bg, p, sleep, time.Hour)
	ctx, cancel := context.WithTimeout(bg, 200*time.Millisecond)
	defer cancel()
	late := procpool.DeferToProcess(ctx, p, square, 3)
	unwanted := procpool.DeferToProcess(bg, p, square, 4)
	behind := procpool.DeferToProcess(bg, p, square, 5)
	for _, r := range warm {
		if _, err := r.Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	_, err := late.Wait(soon)
	var up *procpool.TimeoutError
	if !errors.As(err, &up) || up.Killed || up.After != 0 {
		t.Errorf("deadline: %v", err)
	}
	eventually(t, "those behind it are back", func() bool { return p.Stats().Queued == 2 })
	unwanted.Cancel()
	if _, err := unwanted.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("Cancel: %v", err)
	}
	if s := p.Stats(); s.Queued != 1 {
		t.Errorf("%d jobs wait", s.Queued)
	}
	select {
	case <-long.Done():
		t.Error("it was not behind a long one")
	default:
	}
	long.Cancel()
	if n, err := behind.Wait(soon); n != 25 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// What was cancelled in the queue takes up no place in it.
func TestProcpool_P07_PlacesOfTheCanceled(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1, QueueLimit: 2})
	running := procpool.DeferToProcess(bg, p, sleep, time.Hour)
	eventually(t, "running", func() bool { return countState(p, procpool.Busy) == 1 })
	ctx, cancel := context.WithCancel(bg)
	one, two := procpool.DeferToProcess(bg, p, square, 1), procpool.DeferToProcess(ctx, p, square, 2)
	one.Cancel()
	cancel()
	if _, err := two.Wait(soon); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	eventually(t, "places are free", func() bool { return p.Stats().Queued == 0 })
	three, four := procpool.DeferToProcess(bg, p, square, 3), procpool.DeferToProcess(bg, p, square, 4)
	running.Cancel()
	for i, r := range []*eventual.Result[int]{three, four} {
		if n, err := r.Wait(soon); n != (i+3)*(i+3) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
}

// Without Grace nobody is asked. A job whose own clock says that its time is up may
// end a moment before its worker is killed for it, so one that would obey is
// cancelled here, and the one whose time is up obeys nothing.
func TestProcpool_P05_NoGrace(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1, JobTimeout: 2 * time.Second, Grace: -1})
	obedient := procpool.DeferToProcess(bg, p, sleep, time.Hour)
	eventually(t, "running", func() bool { return countState(p, procpool.Busy) == 1 })
	obedient.Cancel()
	if _, err := obedient.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("Cancel: %v", err)
	}
	_, err := procpool.DeferToProcess(bg, p, sleepOn, time.Hour).Wait(soon)
	if s := p.Stats(); s.Started != 2 {
		t.Errorf("%d workers were started: the first was asked, and obeyed", s.Started)
	}
	var up *procpool.TimeoutError
	if !errors.As(err, &up) || !up.Killed || up.After < 2*time.Second {
		t.Errorf("JobTimeout: %v", err)
	}
	if n, err := procpool.DeferToProcess(bg, p, square, 6).Wait(soon); n != 36 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// The second worker dies at its start. When the first shows that workers do work,
// another one is started, although nothing else asks for it.
func TestProcpool_P04_MinAfterTrouble(t *testing.T) {
	python := python(t)[0]
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := fmt.Sprintf("mkdir %[1]s/first && exec %[2]s %[3]s/testdata/worker.py; mkdir %[1]s/second && exit 1; exec %[2]s %[3]s/testdata/worker.py", dir, python, wd)
	p := newPool(t, procpool.Config{Min: 1, Max: 2, Command: []string{"/bin/sh", "-c", script + " 2>/dev/null"}})
	eventually(t, "serves", func() bool { return countState(p, procpool.Idle) == 1 })
	if err := p.AdjustPoolSize(2, 2); err != nil {
		t.Fatal(err)
	}
	for more := 200; more > 0; {
		if _, err := procpool.DeferToProcess(bg, p, square, 1).Wait(soon); err != nil {
			t.Fatal(err)
		}
		if p.Stats().Died > 0 { // which is counted a little before it is noted as trouble
			more--
		}
	}
	eventually(t, "Min", func() bool { return countState(p, procpool.Idle) == 2 })
}

// The program of the workers is gone, and those who are told end their goroutine,
// or stop the pool.
func TestProcpool_P04_StartThatFailsInside(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a script is not a program there")
	}
	command := filepath.Join(t.TempDir(), "command")
	if err := os.WriteFile(command, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, procpool.Config{Max: 1, Command: []string{command}})
	if err := os.Remove(command); err != nil {
		t.Fatal(err)
	}
	var rs []*eventual.Result[int]
	var told sync.WaitGroup
	for i := range 4 {
		r := procpool.DeferToProcess(bg, p, square, i)
		told.Add(1)
		r.OnDone(func() {
			defer told.Done()
			if i == 2 {
				_ = p.Stop(bg)
			}
			runtime.Goexit()
		})
		rs = append(rs, r)
	}
	told.Wait()
	for _, r := range rs {
		if _, err := r.Wait(0); !errors.Is(err, procpool.ErrWorkersFailing) {
			t.Errorf("%v", err)
		}
	}
}

// Stop does not wait for itself, wherever it is called, and the pool ends without
// another Stop.
func TestProcpool_P09_StopFromInside(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(p *procpool.Pool, stop func()) *eventual.Result[int]
	}{
		{"OnDone", func(p *procpool.Pool, stop func()) *eventual.Result[int] {
			r := procpool.DeferToProcess(bg, p, square, 3)
			r.OnDone(stop)
			return r
		}},
		{"OnDone after progress", func(p *procpool.Pool, stop func()) *eventual.Result[int] {
			r := procpool.DeferWithProgress(bg, p, count, 3, func(int) {})
			r.OnDone(stop)
			return r
		}},
		{"onProgress", func(p *procpool.Pool, stop func()) *eventual.Result[int] {
			return procpool.DeferWithProgress(bg, p, count, 3, func(int) { stop() })
		}},
		{"ParentFuncs", func(p *procpool.Pool, _ func()) *eventual.Result[int] {
			return procpool.DeferToProcess(bg, p, callsParent, "stop")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			var p *procpool.Pool
			stopped := make(chan error, 10)
			stop := func() { stopped <- p.Stop(bg) }
			p, err := procpool.New(procpool.Config{Max: 1, Logger: slog.New(slog.DiscardHandler), ParentFuncs: procpool.ParentFuncs{
				"stop": procpool.Answer(func(context.Context, int) (int, error) { stop(); return 1, nil }),
			}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := test.run(p, stop).Wait(soon); err != nil {
				t.Error(err)
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			eventually(t, "the pool has ended", func() bool { return goleak.Find(before) == nil })
		})
	}
}

// A function of the pool's process that goes on holds up no Stop for ever, and is
// named.
func TestProcpool_P09_CallThatGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	t.Parallel()
	called, release := make(chan struct{}), make(chan struct{})
	p, err := procpool.New(procpool.Config{Max: 1, Logger: slog.New(slog.DiscardHandler), ParentFuncs: procpool.ParentFuncs{
		"hang":  procpool.Answer(func(context.Context, int) (int, error) { close(called); <-release; return 1, nil }),
		"panic": procpool.Answer(func(context.Context, int) (int, error) { panic("at the desk") }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := procpool.DeferToProcess(bg, p, callsParent, "panic").Wait(soon); err == nil || !strings.Contains(err.Error(), "at the desk") {
		t.Errorf("%v", err)
	}
	r := procpool.DeferToProcess(bg, p, callsParent, "hang")
	<-called
	ctx, cancel := context.WithCancel(bg)
	cancel()
	err = p.Stop(ctx)
	var left *eventual.StopError
	if !errors.As(err, &left) || !strings.Contains(err.Error(), "job callsParent") || !strings.Contains(err.Error(), "1 calls of ParentFuncs") {
		t.Errorf("%v", err)
	}
	if _, err := r.Wait(0); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("%v", err)
	}
	close(release)
	if err := p.Stop(bg); err != nil {
		t.Error(err)
	}
}

// Pools are stopped and resized while their workers start.
func TestProcpool_P09_StopDuringStart(t *testing.T) {
	rounds := 40
	if testing.Short() || raceDetector {
		rounds = 8
	}
	for i := range rounds {
		p, err := procpool.New(procpool.Config{Min: i % 4, Max: 4, Logger: slog.New(panickingHandler{})})
		if err != nil {
			t.Fatal(err)
		}
		var rs []*eventual.Result[int]
		for n := range i % 6 {
			rs = append(rs, procpool.DeferToProcess(bg, p, square, n))
		}
		var resized sync.WaitGroup
		resized.Go(func() {
			for n := range 20 {
				_ = p.AdjustPoolSize(n%3, 3)
			}
		})
		time.Sleep(time.Duration(i%8) * time.Millisecond)
		ctx, cancel := context.WithTimeout(bg, time.Duration(i%3)*5*time.Millisecond)
		err = p.Stop(ctx)
		cancel()
		if left := (*eventual.StopError)(nil); err != nil && !errors.As(err, &left) {
			t.Error(err)
		}
		resized.Wait()
		for n, r := range rs {
			if v, err := r.Wait(0); (err != nil || v != n*n) && !errors.Is(err, eventual.ErrStopped) {
				t.Errorf("%d, %v", v, err)
			}
		}
		if s := p.Stats(); len(s.Workers) != 0 || s.Queued != 0 {
			t.Errorf("%+v", s)
		}
	}
	if exists("/proc/self/stat") {
		if left := children(t); len(left) > 0 {
			t.Errorf("children %v", left)
		}
	}
}

type panickingHandler struct{ slog.Handler }

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { panic("no log") }
func (h panickingHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("no log") }

// Times that mean for ever do not pass at once.
func TestProcpool_P05_LongestTimes(t *testing.T) {
	const ever = time.Duration(math.MaxInt64)
	p := newPool(t, procpool.Config{Max: 1, JobTimeout: ever, Grace: ever, StartTimeout: ever, IdleTimeout: ever})
	ctx, cancel := context.WithDeadline(bg, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	defer cancel()
	first, err := procpool.DeferToProcess(bg, p, pid, struct{}{}).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []context.Context{bg, ctx} {
		if s, err := procpool.DeferToProcess(c, p, sleep, 20*time.Millisecond).Wait(soon); s != "slept" || err != nil {
			t.Errorf("%q, %v", s, err)
		}
	}
	r := runs(t, p, 50*time.Millisecond)
	r.Cancel()
	if s, err := r.Wait(soon); s != "slept" || err != nil {
		t.Errorf("killed before Grace: %q, %v", s, err)
	}
	if last, err := procpool.DeferToProcess(bg, p, pid, struct{}{}).Wait(soon); last != first || err != nil {
		t.Errorf("worker %d, then %d, %v", first, last, err)
	}
	// And they do not keep the others from passing.
	p = newPool(t, procpool.Config{Max: 1, Grace: 20 * time.Millisecond})
	r = procpool.DeferToProcess(ctx, p, sleepOn, 3*time.Second)
	eventually(t, "running", func() bool { return countState(p, procpool.Busy) == 1 })
	r.Cancel()
	if s, err := r.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("not killed after Grace: %q, %v", s, err)
	}
}

var sameAny = procpool.Register("sameAny", func(_ context.Context, v any) (any, error) { return v, nil })

// Bytes in an interface are bytes in an interface on the other side.
func TestProcpool_P01_WhatInterfacesHold(t *testing.T) {
	for _, inProcess := range []bool{false, true} {
		p := newPool(t, procpool.Config{Max: 1, InProcess: inProcess})
		for _, v := range []any{[]byte("bytes"), "text", 7, int64(7), uint8(3), 2.5, true, nil, bytes.Repeat([]byte("large"), 100_000)} {
			if got, err := procpool.DeferToProcess(bg, p, sameAny, v).Wait(soon); !reflect.DeepEqual(got, v) || err != nil {
				t.Errorf("%T: %.20v, %v", v, got, err)
			}
		}
	}
}
