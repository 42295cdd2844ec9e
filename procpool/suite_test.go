package procpool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/procpool"
)

// mode is a kind of worker. The same suite runs against each.
type mode struct {
	cfg       procpool.Config
	inProcess bool
	foreign   bool
}

func (m mode) pool(t testing.TB, cfg procpool.Config) *procpool.Pool {
	t.Helper()
	cfg.InProcess, cfg.Command = m.cfg.InProcess, m.cfg.Command
	return newPool(t, cfg)
}

func TestProcpool_Processes(t *testing.T) { suite(t, mode{}) }

func TestProcpool_P13_InProcess(t *testing.T) {
	suite(t, mode{cfg: procpool.Config{InProcess: true}, inProcess: true})
}

func TestProcpool_P11_Python(t *testing.T) {
	suite(t, mode{cfg: procpool.Config{Command: python(t)}, foreign: true})
}

func python(t *testing.T) []string {
	t.Helper()
	if interpreter() == "" {
		t.Skip("this system has no python3")
	}
	return []string{interpreter(), "testdata/worker.py"}
}

// interpreter is python3 itself, which may hide behind a script.
var interpreter = sync.OnceValue(func() string {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
})

func suite(t *testing.T, m mode) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, mode)
	}{
		{"P01 values and errors", suiteValues},
		{"P01 what cannot be sent", suiteUnsendable},
		{"P02 surroundings", suiteSurroundings},
		{"P03 elastic", suiteElastic},
		{"P05 asked to stop", suiteAsked},
		{"P05 killed", suiteKilled},
		{"P05 deadlines that have passed", suitePassed},
		{"P06 recycled", suiteRecycled},
		{"P07 overload", suiteOverload},
		{"P08 progress and calls", suiteTalk},
		{"P08 output", suiteOutput},
		{"P09 stop", suiteStop},
		{"P10 payloads", suitePayloads},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, m) })
	}
	eventually(t, "jobs that were given up have ended", func() bool { return sleeping.Load() == 0 })
}

func suiteValues(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Name: "values", Max: 1})
	for _, n := range []int{0, 12, -3} {
		if got, err := procpool.DeferToProcess(bg, p, square, n).Wait(soon); got != n*n || err != nil {
			t.Errorf("square of %d: %d, %v", n, got, err)
		}
	}
	there, err := procpool.DeferToProcess(bg, p, pid, struct{}{}).Wait(soon)
	if err != nil || (there == os.Getpid()) != m.inProcess || there != p.Stats().Workers[0].PID {
		t.Errorf("ran in process %d of %+v, here is %d: %v", there, p.Stats().Workers, os.Getpid(), err)
	}
	_, err = procpool.DeferToProcess(bg, p, fail, "no luck").Wait(soon)
	var remote *procpool.RemoteError
	if !errors.As(err, &remote) || remote.Message != "no luck" || err.Error() != "no luck" {
		t.Fatalf("%#v", err)
	}
	wantType, wantStack := "*errors.errorString", "main_test.go"
	if m.foreign {
		wantType, wantStack = "RuntimeError", "worker.py"
	}
	if remote.Type != wantType || !strings.Contains(remote.Stack, wantStack) {
		t.Errorf("type %q, stack %q", remote.Type, remote.Stack)
	}
	if s := p.Stats(); s.Started != 1 || s.Workers[0].Jobs != 5 || s.Succeeded != 4 || s.Failed != 1 {
		t.Errorf("%+v", s)
	}
}

// None of it costs a worker.
func suiteUnsendable(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Name: "strict", Max: 1})
	type unknownIn struct{ A int }
	_, err := procpool.DeferToProcess(bg, p, procpool.Declare[unknownIn, int]("nowhere"), unknownIn{1}).Wait(soon)
	if !errors.Is(err, procpool.ErrUnknownFunction) || !strings.Contains(err.Error(), "procpool strict: ") || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("unknown function: %v", err)
	}
	_, err = procpool.DeferToProcess(bg, p, procpool.Declare[any, int]("square"), any(map[any]any{t: 1})).Wait(soon)
	if err == nil || !strings.Contains(err.Error(), "argument of square") {
		t.Errorf("argument that cannot be encoded: %v", err)
	}
	_, err = procpool.DeferToProcess(bg, p, unencodable, struct{}{}).Wait(soon)
	if err == nil || !strings.Contains(err.Error(), "unencodable") {
		t.Errorf("result that cannot be encoded: %v", err)
	}
	_, err = procpool.DeferToProcess(bg, p, procpool.Declare[int, map[string]bool]("square"), 3).Wait(soon)
	if err == nil || !strings.Contains(err.Error(), "result of square") {
		t.Errorf("result of another type: %v", err)
	}
	_, err = procpool.DeferToProcess(bg, p, procpool.Declare[func(), int]("square"), nil).Wait(soon)
	if err == nil || !strings.Contains(err.Error(), "func") {
		t.Errorf("function as an argument: %v", err)
	}
	if n, err := procpool.DeferToProcess(bg, p, square, 4).Wait(soon); n != 16 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if s := p.Stats(); s.Started != 1 || s.Died != 0 {
		t.Errorf("it cost workers: %+v", s)
	}
}

func suiteSurroundings(t *testing.T, m mode) {
	if m.inProcess {
		t.Skip("a goroutine has no surroundings of its own")
	}
	dir := t.TempDir()
	t.Setenv("PROCPOOL_TEST_INHERITED", "yes")
	t.Setenv("PROCPOOL_TEST_CHANGED", "no")
	cfg := procpool.Config{Max: 1, Env: []string{"PROCPOOL_TEST_ADDED=a=b", "PROCPOOL_TEST_CHANGED=yes"}, Dir: dir}
	wantArgs := os.Args
	if m.foreign {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		m.cfg.Command = []string{m.cfg.Command[0], wd + "/testdata/worker.py", "an argument", ""}
		wantArgs = m.cfg.Command[1:]
	}
	p := m.pool(t, cfg)
	s, err := procpool.DeferToProcess(bg, p, environ, struct{}{}).Wait(soon)
	if err != nil || !sameFile(s.Dir, dir) || !slices.Equal(s.Args, wantArgs) {
		t.Errorf("%v %q %q", err, s.Dir, s.Args)
	}
	for _, want := range []string{"PROCPOOL_TEST_INHERITED=yes", "PROCPOOL_TEST_CHANGED=yes", "PROCPOOL_TEST_ADDED=a=b"} {
		if !slices.Contains(s.Env, want) {
			t.Errorf("%s is not in the environment", want)
		}
	}
	if slices.Contains(s.Env, "PROCPOOL_TEST_CHANGED=no") {
		t.Error("the old value too")
	}
	for _, e := range s.Env {
		if !m.foreign && strings.HasPrefix(e, "TRESTLE_PROCPOOL") {
			t.Errorf("%s is left for what jobs start", e)
		}
	}
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func workers(p *procpool.Pool) (serving int) {
	for _, w := range p.Stats().Workers {
		if w.State < procpool.Recycling {
			serving++
		}
	}
	return serving
}

func countState(p *procpool.Pool, s procpool.State) (n int) {
	for _, w := range p.Stats().Workers {
		if w.State == s {
			n++
		}
	}
	return n
}

func suiteElastic(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Min: 1, Max: 3, IdleTimeout: 50 * time.Millisecond})
	eventually(t, "Min at the start", func() bool { return countState(p, procpool.Idle) == 1 })
	var rs []*eventual.Result[string]
	for range 6 {
		rs = append(rs, procpool.DeferToProcess(bg, p, sleep, soon))
	}
	eventually(t, "Max under load", func() bool { return countState(p, procpool.Busy) == 3 })
	if n := workers(p); n != 3 {
		t.Errorf("%d workers under load", n)
	}
	for _, r := range rs {
		r.Cancel()
		if v, err := r.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
			t.Error(v, err)
		}
	}
	eventually(t, "Min after the idle timeout", func() bool { return len(p.Stats().Workers) == 1 })
	if err := p.AdjustPoolSize(2, 4); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new Min", func() bool { return countState(p, procpool.Idle) == 2 })
	if err := p.AdjustPoolSize(0, 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new Max", func() bool { return len(p.Stats().Workers) <= 1 })
	for _, c := range [][2]int{{-1, 3}, {4, 3}, {0, 0}, {0, -1}} {
		if err := p.AdjustPoolSize(c[0], c[1]); err == nil || !strings.Contains(err.Error(), " M") {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func suiteAsked(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Name: "asked", Min: 1, Max: 1, JobTimeout: 50 * time.Millisecond, Grace: soon})
	check := func(what string, err error, timedOut bool) {
		t.Helper()
		var up *procpool.TimeoutError
		if errors.As(err, &up) != timedOut || timedOut && (up.Killed || up.After < 20*time.Millisecond || !up.Timeout()) {
			t.Errorf("%s: %#v", what, err)
		}
		if errors.Is(err, eventual.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) != timedOut || errors.Is(err, eventual.ErrCanceled) == timedOut {
			t.Errorf("%s matches the wrong errors: %v", what, err)
		}
	}
	_, err := procpool.DeferToProcess(bg, p, sleep, soon).Wait(soon)
	check("JobTimeout", err, true)

	p2 := m.pool(t, procpool.Config{Max: 1, Min: 1, Grace: soon})
	eventually(t, "serves", func() bool { return countState(p2, procpool.Idle) == 1 })
	ctx, cancel := context.WithTimeout(bg, time.Second) // the job begins before that
	defer cancel()
	_, err = procpool.DeferToProcess(ctx, p2, sleep, soon).Wait(soon)
	check("deadline", err, true)

	r := procpool.DeferToProcess(bg, p2, sleep, soon)
	eventually(t, "running", func() bool { return countState(p2, procpool.Busy) == 1 })
	r.Cancel()
	_, err = r.Wait(soon)
	check("Cancel", err, false)

	ctx, stop := context.WithCancelCause(bg)
	r = procpool.DeferToProcess(ctx, p2, sleep, soon)
	eventually(t, "running", func() bool { return countState(p2, procpool.Busy) == 1 })
	cause := errors.New("nobody cares")
	stop(cause)
	if _, err = r.Wait(soon); !errors.Is(err, cause) {
		t.Errorf("ctx: %v", err)
	}
	if n, err := procpool.DeferToProcess(bg, p2, square, 6).Wait(soon); n != 36 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, p := range []*procpool.Pool{p, p2} {
		if s := p.Stats(); s.Started != 1 || s.Died != 0 {
			t.Errorf("the worker was not kept: %+v", s)
		}
	}
}

func suiteKilled(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Name: "killer", Max: 1, JobTimeout: 300 * time.Millisecond, Grace: 20 * time.Millisecond})
	const long = 3 * time.Second // what is given up in process ends by itself
	_, err := procpool.DeferToProcess(bg, p, sleepOn, long).Wait(soon)
	var up *procpool.TimeoutError
	if !errors.As(err, &up) || up.Killed == m.inProcess || up.After < 300*time.Millisecond || !strings.Contains(err.Error(), "procpool killer: sleepOn") {
		t.Errorf("JobTimeout: %#v", err)
	}
	p = m.pool(t, procpool.Config{Max: 1, Grace: 20 * time.Millisecond})
	ctx, cancel := context.WithTimeout(bg, time.Second)
	defer cancel()
	killed := procpool.DeferToProcess(ctx, p, sleepOn, long)
	if n, err := procpool.DeferToProcess(bg, p, square, 9).Wait(soon); n != 81 || err != nil {
		t.Errorf("the next job: %d, %v", n, err)
	}
	if _, err := killed.Wait(soon); !errors.As(err, &up) { // which may hear of it a little later than the next job begins
		t.Errorf("deadline: %v", err)
	}
	r := procpool.DeferToProcess(bg, p, sleepOn, long)
	eventually(t, "running", func() bool { return countState(p, procpool.Busy) == 1 })
	waiting := procpool.DeferToProcess(bg, p, square, 7)
	r.Cancel()
	_, err = r.Wait(soon)
	if !errors.Is(err, eventual.ErrCanceled) || errors.As(err, &up) && up == nil {
		t.Errorf("Cancel: %v", err)
	}
	if n, err := waiting.Wait(soon); n != 49 || err != nil {
		t.Errorf("the next job: %d, %v", n, err)
	}
}

func suitePassed(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Max: 1})
	for _, at := range []time.Time{time.Now().Add(-time.Hour), time.Now()} {
		ctx, cancel := context.WithDeadline(bg, at)
		<-ctx.Done()
		_, err := procpool.DeferToProcess(ctx, p, square, 1).Wait(soon)
		var up *procpool.TimeoutError
		if !errors.As(err, &up) || up.After != 0 || up.Killed || !strings.Contains(err.Error(), "before it began") {
			t.Errorf("%v: %#v", at, err)
		}
		cancel()
	}
	// In the queue, behind a job that takes long.
	first := procpool.DeferToProcess(bg, p, sleep, soon)
	ctx, cancel := context.WithTimeout(bg, 30*time.Millisecond)
	defer cancel()
	second := procpool.DeferToProcess(ctx, p, square, 1)
	third := procpool.DeferToProcess(bg, p, square, 2)
	fourth := procpool.DeferToProcess(bg, p, square, 3)
	third.Cancel()
	if _, err := third.Wait(0); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("cancelled in the queue: %v", err)
	}
	_, err := second.Wait(soon)
	var up *procpool.TimeoutError
	if !errors.As(err, &up) || up.After != 0 {
		t.Errorf("deadline in the queue: %v", err)
	}
	first.Cancel()
	if v, err := first.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := fourth.Wait(soon); v != 9 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

func suiteRecycled(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Max: 1, RecycleAfter: 3})
	var rs []*eventual.Result[int]
	for range 12 {
		rs = append(rs, procpool.DeferToProcess(bg, p, pid, struct{}{}))
	}
	jobs := map[int]int{}
	for _, r := range rs {
		pid, err := r.Wait(soon)
		if err != nil {
			t.Fatal(err)
		}
		jobs[pid]++
	}
	for pid, n := range jobs {
		if n != 3 && !m.inProcess {
			t.Errorf("worker %d ran %d jobs", pid, n)
		}
	}
	eventually(t, "gone", func() bool { return len(p.Stats().Workers) == 0 })
	if s := p.Stats(); s.Started != 4 || s.Died != 4 {
		t.Errorf("%d workers for 12 jobs of 3 each, %d ended", s.Started, s.Died)
	}
	never := m.pool(t, procpool.Config{Max: 1})
	for range 50 {
		if _, err := procpool.DeferToProcess(bg, never, square, 1).Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	if s := never.Stats(); s.Started != 1 {
		t.Errorf("RecycleAfter 0: %d workers", s.Started)
	}
}

func suiteOverload(t *testing.T, m mode) {
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	p := m.pool(t, procpool.Config{Max: 2})
	rs := make([]*eventual.Result[int], n)
	for i := range rs {
		rs[i] = procpool.DeferToProcess(bg, p, square, i)
	}
	for i, r := range rs {
		if v, err := r.Wait(soon); v != i*i || err != nil {
			t.Fatalf("job %d: %d, %v", i, v, err)
		}
	}
	if s := p.Stats(); s.Started > 2 || s.Succeeded != uint64(n) || s.Failed != 0 {
		t.Errorf("%+v", s)
	}

	full := m.pool(t, procpool.Config{Name: "full", Max: 1, QueueLimit: 2})
	running := procpool.DeferToProcess(bg, full, sleep, soon)
	eventually(t, "running", func() bool { return countState(full, procpool.Busy) == 1 })
	one, two := procpool.DeferToProcess(bg, full, square, 1), procpool.DeferToProcess(bg, full, square, 2)
	_, err := procpool.DeferToProcess(bg, full, square, 3).Wait(0)
	if !errors.Is(err, procpool.ErrQueueFull) || !strings.Contains(err.Error(), "procpool full") {
		t.Errorf("%v", err)
	}
	running.Cancel()
	for _, r := range []*eventual.Result[int]{one, two} {
		if _, err := r.Wait(soon); err != nil {
			t.Error(err)
		}
	}
}

func suiteTalk(t *testing.T, m mode) {
	double := procpool.Answer(func(_ context.Context, n int) (int, error) {
		if n < 0 {
			return 0, errors.New("negative")
		}
		return 2 * n, nil
	})
	cfg := procpool.Config{Max: 1, ParentFuncs: procpool.ParentFuncs{"double": double}}
	p := m.pool(t, cfg)
	var got []int
	r := procpool.DeferWithProgress(bg, p, count, 500, func(n int) { got = append(got, n) })
	n, err := r.Wait(soon)
	if n != 500 || err != nil || len(got) != 500 || !slices.IsSorted(got) || got[0] != 1 {
		t.Errorf("%d, %v, progress %v", n, err, got)
	}
	// Nobody listens.
	if n, err := procpool.DeferToProcess(bg, p, count, 3).Wait(soon); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := procpool.DeferToProcess(bg, p, ask, 21).Wait(soon); n != 42 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := procpool.DeferToProcess(bg, p, ask, -1).Wait(soon); err == nil || !strings.Contains(err.Error(), "negative") {
		t.Errorf("%v", err)
	}
	mute := m.pool(t, procpool.Config{Max: 1})
	if _, err := procpool.DeferToProcess(bg, mute, ask, 1).Wait(soon); err == nil || !strings.Contains(err.Error(), "double") {
		t.Errorf("%v", err)
	}
	if n, err := procpool.DeferToProcess(bg, mute, square, 3).Wait(soon); n != 9 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func suiteOutput(t *testing.T, m mode) {
	if m.inProcess {
		t.Skip("a goroutine writes to the standard output of its process")
	}
	var log logtest.Log
	p := m.pool(t, procpool.Config{Name: "chatty", Max: 1, Logger: log.Logger()})
	long := strings.Repeat("x", 20_000)
	_, err := procpool.DeferToProcess(bg, p, say, said{Out: "one\ntwo\r\n\x00\x01\x02\x03\n", Err: "three\n" + long + "\nlast"}).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := procpool.DeferToProcess(bg, p, square, 3).Wait(soon); n != 9 || err != nil {
		t.Errorf("after output: %d, %v", n, err)
	}
	if err := p.Stop(bg); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"level=INFO msg=\"procpool: worker wrote\" pool=chatty worker=1 pid=", "stream=stdout line=one\n", "stream=stdout line=two\n",
		"level=WARN", "stream=stderr line=three\n", "stream=stderr line=last\n", fmt.Sprintf("line=%s\n", long[:8<<10]),
	} {
		eventually(t, fmt.Sprintf("%.60q is in the log", want), func() bool { return strings.Contains(log.String(), want) })
	}
}

func suiteStop(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Name: "ending", Max: 1})
	var rs []*eventual.Result[string]
	for range 3 {
		rs = append(rs, procpool.DeferToProcess(bg, p, sleep, 20*time.Millisecond))
	}
	if err := p.Stop(bg); err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if v, err := r.Wait(0); v != "slept" || err != nil {
			t.Errorf("accepted before Stop: %q, %v", v, err)
		}
	}
	if _, err := procpool.DeferToProcess(bg, p, square, 1).Wait(0); !errors.Is(err, eventual.ErrStopped) || !strings.Contains(err.Error(), "procpool ending") {
		t.Errorf("after Stop: %v", err)
	}
	if err := p.AdjustPoolSize(1, 1); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("%v", err)
	}
	if s := p.Stats(); len(s.Workers) != 0 {
		t.Errorf("%+v", s.Workers)
	}

	p = m.pool(t, procpool.Config{Name: "cut", Max: 1})
	running := procpool.DeferToProcess(bg, p, sleepOn, 2*time.Second)
	eventually(t, "running", func() bool { return countState(p, procpool.Busy) == 1 })
	queued := procpool.DeferToProcess(bg, p, square, 1)
	ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
	defer cancel()
	var left *eventual.StopError
	if err := p.Stop(ctx); !errors.As(err, &left) || len(left.Running) != 1 || left.Running[0].Name != "job sleepOn" || left.Running[0].Age <= 0 {
		t.Errorf("%v", err)
	}
	if _, err := running.Wait(0); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("running: %v", err)
	}
	if _, err := queued.Wait(0); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("queued: %v", err)
	}
}

func suitePayloads(t *testing.T, m mode) {
	p := m.pool(t, procpool.Config{Max: 1})
	sizes := []int{0, 1, 100, 4096, 64 << 10, 256<<10 - 1, 256 << 10, 256<<10 + 1, 5 << 20}
	for _, n := range sizes {
		in := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, n/7+1)[:n]
		out, err := procpool.DeferToProcess(bg, p, echo, in).Wait(soon)
		if err != nil || !bytes.Equal(in, out) {
			t.Errorf("%d bytes: %d bytes came back, %v", n, len(out), err)
		}
	}
	small := m.pool(t, procpool.Config{Name: "small", Max: 1, MaxPayload: 1000})
	_, err := procpool.DeferToProcess(bg, small, echo, make([]byte, 1001)).Wait(soon)
	if !errors.Is(err, procpool.ErrTooLarge) || !strings.Contains(err.Error(), "1001 bytes, at most 1000") {
		t.Errorf("too large an argument: %v", err)
	}
	if out, err := procpool.DeferToProcess(bg, small, echo, make([]byte, 1000)).Wait(soon); len(out) != 1000 || err != nil {
		t.Errorf("%d, %v", len(out), err)
	}
	if s := small.Stats(); s.Started != 1 || s.Died != 0 {
		t.Errorf("%+v", s)
	}
}
