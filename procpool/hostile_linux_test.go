package procpool_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/trestle-go/trestle/internal/frame"
	"github.com/trestle-go/trestle/procpool"
)

// What a worker may do that means harm, or does not know better.
var (
	// sendDescriptors sends as many frames with ten descriptors each, of which no
	// frame says anything.
	sendDescriptors = procpool.Register("sendDescriptors", func(ctx context.Context, frames int) (int, error) {
		var fds [10]int
		b := frame.Append(nil, frame.Progress, frame.Raw, 0, "", 0)
		for range frames {
			if err := unix.Sendmsg(3, b, unix.UnixRights(fds[:]...), nil, 0); err != nil {
				return 0, err
			}
		}
		if err := procpool.Progress(ctx, os.Getpid()); err != nil {
			return 0, err
		}
		<-ctx.Done()
		return 0, ctx.Err()
	})
	// sendCalls calls a function of the pool's process so many times, and waits for
	// nothing.
	sendCalls = procpool.Register("sendCalls", func(ctx context.Context, c calls) (int, error) {
		var b []byte
		for i := range c.N {
			b = frame.Append(b, frame.Call, frame.Encoded, 1<<40+uint64(i), c.Name, 3)
			b = append(b, 1, 'i', 2) // an int
		}
		for len(b) > 0 {
			n, err := syscall.Write(3, b)
			if err != nil {
				return 0, err
			}
			b = b[n:]
		}
		<-ctx.Done()
		return 0, ctx.Err()
	})
	// sendShared says that a value is in shared memory, and how.
	sendShared = procpool.Register("sendShared", func(ctx context.Context, s shared) (int, error) {
		var rights []byte
		switch {
		case s.Pipe:
			var fds [2]int
			if err := unix.Pipe(fds[:]); err != nil {
				return 0, err
			}
			rights = unix.UnixRights(fds[0])
		case s.Room > 0:
			fd, err := unix.MemfdCreate("shared", unix.MFD_ALLOW_SEALING)
			if err != nil {
				return 0, err
			}
			if err := unix.Ftruncate(fd, s.Room); err != nil {
				return 0, err
			}
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, s.Seals); err != nil {
				return 0, err
			}
			rights = unix.UnixRights(fd)
		}
		b := append(frame.Append(nil, frame.Progress, frame.Shared, 1, "", len(s.Body)), s.Body...)
		if err := unix.Sendmsg(3, b, rights, nil, 0); err != nil {
			return 0, err
		}
		if !s.Good {
			<-ctx.Done()
		}
		return 1, ctx.Err()
	})
	// reportMuch reports n values of a mebibyte, and then says so.
	reportMuch = procpool.Register("reportMuch", func(ctx context.Context, n int) (int, error) {
		for i := range n {
			if err := procpool.Progress(ctx, bytes.Repeat([]byte{byte(i)}, 1<<20)); err != nil {
				return 0, err
			}
		}
		return procpool.CallParent[int, int](ctx, "said", n)
	})
	// askLarge has so many goroutines ask at the same time for something large, and
	// adds up how large it is.
	askLarge = procpool.Register("askLarge", func(ctx context.Context, n int) (int, error) {
		var all sync.WaitGroup
		var sum atomic.Int64
		errs := make([]error, n)
		for i := range n {
			all.Go(func() {
				s, err := procpool.CallParent[int, string](ctx, "large", answerSize)
				sum.Add(int64(len(s)))
				errs[i] = err
			})
		}
		all.Wait()
		return int(sum.Load()), errors.Join(errs...)
	})
	// askMany has so many goroutines ask at the same time, and adds up what they get.
	askMany = procpool.Register("askMany", func(ctx context.Context, n int) (int, error) {
		var all sync.WaitGroup
		got := make([]int, n)
		errs := make([]error, n)
		for i := range n {
			all.Go(func() { got[i], errs[i] = procpool.CallParent[int, int](ctx, "double", i) })
		}
		all.Wait()
		sum := 0
		for _, v := range got {
			sum += v
		}
		return sum, errors.Join(errs...)
	})
)

const answerSize = 20_000

type shared struct {
	Pipe  bool // it is none
	Room  int64
	Seals int
	Body  []byte
	Good  bool
}

type calls struct {
	Name string
	N    int
}

// Descriptors that no frame asks for are closed, and do not pile up here.
func TestProcpool_P04_DescriptorsNobodyAskedFor(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1, Grace: soon})
	if _, err := procpool.DeferToProcess(bg, p, square, 1).Wait(soon); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	sent := make(chan int, 1)
	r := procpool.DeferWithProgress(bg, p, sendDescriptors, 50, func(pid int) { sent <- pid })
	select {
	case <-sent:
		if n := descriptors(t); n > before+50 {
			t.Errorf("%d descriptors, %d before 500 came", n, before)
		}
		r.Cancel()
	case <-r.Done():
	}
	if _, err := r.Wait(soon); err == nil {
		t.Error("no error")
	}
	if err := p.Stop(bg); err != nil {
		t.Error(err)
	}
	eventually(t, "all are closed", func() bool { return descriptors(t) <= before })
}

// A worker that calls without end is stopped, before the goroutines, or the answers
// that it does not read, fill the memory.
func TestProcpool_P04_CallsWithoutEnd(t *testing.T) {
	hang := procpool.Answer(func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	for _, name := range []string{"hang", "unknown"} {
		p := newPool(t, procpool.Config{Max: 1, Grace: soon, ParentFuncs: procpool.ParentFuncs{"hang": hang}})
		_, err := procpool.DeferToProcess(bg, p, sendCalls, calls{name, 1_000_000}).Wait(soon)
		died, ok := errors.AsType[*procpool.WorkerExitError](err)
		if !ok || died.Reason != procpool.ProtocolViolation || !strings.Contains(err.Error(), "calls") {
			t.Errorf("%s: %v", name, err)
		}
		if n, err := procpool.DeferToProcess(bg, p, square, 6).Wait(soon); n != 36 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
}

// One that has much to ask waits its turn.
func TestProcpool_P08_ManyCallsAtOnce(t *testing.T) {
	double := procpool.Answer(func(_ context.Context, n int) (int, error) { time.Sleep(time.Millisecond); return 2 * n, nil })
	p := newPool(t, procpool.Config{Max: 1, ParentFuncs: procpool.ParentFuncs{"double": double}})
	const n = 5000
	if sum, err := procpool.DeferToProcess(bg, p, askMany, n).Wait(soon); sum != n*(n-1) || err != nil {
		t.Errorf("%d, want %d, %v", sum, n*(n-1), err)
	}
}

// An answer that the connection has no room for is written by another goroutine. The
// worker may have it, and call again, before that is known here to have ended.
func TestProcpool_P08_ManyLargeAnswers(t *testing.T) {
	large := procpool.Answer(func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil })
	p := newPool(t, procpool.Config{Max: 1, ParentFuncs: procpool.ParentFuncs{"large": large}})
	const n = 6000
	if sum, err := procpool.DeferToProcess(bg, p, askLarge, n).Wait(soon); sum != n*answerSize || err != nil {
		t.Errorf("%d, want %d, %v", sum, n*answerSize, err)
	}
}

// What is said to be in shared memory is looked at before it is read, and memory that
// could be taken away meanwhile is not read at all.
func TestProcpool_P04_SharedMemoryThatIsNone(t *testing.T) {
	of := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	for _, test := range []struct {
		text string
		sent shared
	}{
		{"without a descriptor", shared{Body: of(100)}},
		{"shared memory: invalid argument", shared{Pipe: true, Body: of(100)}},
		{"not sealed", shared{Room: 1 << 20, Body: of(100)}},
		{"not sealed", shared{Room: 1 << 20, Seals: unix.F_SEAL_GROW | unix.F_SEAL_WRITE, Body: of(100)}},
		{"4096 bytes that should have 4097", shared{Room: 4096, Seals: unix.F_SEAL_SHRINK, Body: of(4097)}},
		{"a body of 4 bytes", shared{Room: 4096, Seals: unix.F_SEAL_SHRINK, Body: []byte("four")}},
		{"at most 1048576", shared{Room: 1 << 30, Seals: unix.F_SEAL_SHRINK, Body: of(1 << 30)}},
		{"at most 1048576", shared{Room: 4096, Seals: unix.F_SEAL_SHRINK, Body: of(1<<64 - 1)}},
		{"", shared{Room: 4096, Seals: unix.F_SEAL_SHRINK, Body: of(0), Good: true}},
		{"", shared{Room: 4096, Seals: unix.F_SEAL_SHRINK, Body: of(4096), Good: true}},
	} {
		p := newPool(t, procpool.Config{Max: 1, MaxPayload: 1 << 20, Grace: soon})
		before := descriptors(t)
		var got [][]byte
		_, err := procpool.DeferWithProgress(bg, p, sendShared, test.sent, func(b []byte) { got = append(got, b) }).Wait(soon)
		died, ok := errors.AsType[*procpool.WorkerExitError](err)
		switch {
		case test.sent.Good:
			if err != nil || len(got) != 1 || len(got[0]) != int(binary.BigEndian.Uint64(test.sent.Body)) {
				t.Errorf("%+v: %d values, %v", test.sent, len(got), err)
			}
		case !ok || died.Reason != procpool.ProtocolViolation || !strings.Contains(err.Error(), test.text):
			t.Errorf("%+v: %v", test.sent, err)
		}
		if err := p.Stop(bg); err != nil {
			t.Error(err)
		}
		eventually(t, "descriptors are closed", func() bool { return descriptors(t) <= before })
	}
}

// Large values that onProgress is too slow for are left out sooner.
func TestProcpool_P08_ProgressThatIsLarge(t *testing.T) {
	said := make(chan struct{})
	p := newPool(t, procpool.Config{Max: 1, ParentFuncs: procpool.ParentFuncs{
		"said": procpool.Answer(func(_ context.Context, n int) (int, error) { close(said); return n, nil }),
	}})
	const sent = 200
	var got []byte
	n, err := procpool.DeferWithProgress(bg, p, reportMuch, sent, func(b []byte) {
		<-said
		got = append(got, b[0])
	}).Wait(soon)
	if n != sent || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if len(got) < 10 || len(got) > 70 || got[len(got)-1] != sent-1 || !slices.IsSorted(got) {
		t.Errorf("%d values came: %v", len(got), got)
	}
}
