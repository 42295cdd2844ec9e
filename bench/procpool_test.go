//go:build linux

package bench_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// What the workers can do.
var (
	square = procpool.Register("square", func(_ context.Context, n int) (int, error) { return n * n, nil })
	length = procpool.Register("length", func(_ context.Context, data []byte) (int, error) { return len(data), nil })
)

// echoMode makes this program the child that the yardsticks talk to.
const echoMode = "TRESTLE_BENCH_ECHO"

func TestMain(m *testing.M) {
	procpool.ServeIfWorker()
	slog.SetLogLoggerLevel(slog.LevelError) // a reactor that is held up while others are measured is no news
	if size, err := strconv.Atoi(os.Getenv(echoMode)); err == nil {
		echo(size)
		return
	}
	os.Exit(m.Run())
}

// echo gives back what comes on descriptor 3, size bytes at a time, with blocking
// calls and nothing between them.
func echo(size int) {
	buf := make([]byte, size)
	for {
		for n := 0; n < size; {
			got, err := syscall.Read(3, buf[n:])
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if got <= 0 {
				return
			}
			n += got
		}
		if _, err := syscall.Write(3, buf); err != nil {
			return
		}
	}
}

func startProcpool(b *testing.B) *procpool.Pool {
	p, err := procpool.New(procpool.Config{Min: 1, Max: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Stop(background); err != nil {
			b.Error(err)
		}
	})
	must(b, procpool.DeferToProcess(background, p, square, 1)) // it is there
	return p
}

// A small job in another process, and its value back.
func BenchmarkProcRoundTrip(b *testing.B) {
	p := startProcpool(b)
	against(b, func(n int) {
		for range n {
			must(b, procpool.DeferToProcess(background, p, square, 3))
		}
	}, rawEcho(b))
}

// Small jobs for one process, of which there are always more than one: each time a
// thousand, and then their values. Fewer a round would measure how a burst begins and
// drains, which takes as long as fifty jobs.
//
// The heaps of both processes have been collected before it counts. Until then each job
// costs memory that was never touched, and what the system takes to find a page for it,
// on a virtual machine 5 to 15 µs, is more than the job itself takes.
func BenchmarkProcPipelined(b *testing.B) {
	p := startProcpool(b)
	var kept [depth]*eventual.Result[int]
	ours := contender{unit: depth, run: func(n int) {
		for range n {
			for i := range kept {
				kept[i] = procpool.DeferToProcess(background, p, square, 3)
			}
			for i := range kept {
				must(b, kept[i])
			}
		}
	}}
	ours.run(warmUp)
	trip := rawEcho(b)
	contest(b, ours, contender{name: trip.name, unit: depth / 10, run: func(n int) { trip.run(n * depth / 10) }})
}

// warmUp is how many thousands of jobs it takes until the memory of a worker and of its
// pool is used again: each allocates some 4 MiB before its first collection.
const warmUp = 30

// 16 MiB for another process.
func BenchmarkProcBytes(b *testing.B) {
	const size = 16 << 20
	p := startProcpool(b)
	data, to := bytes.Repeat([]byte{1}, size), bytes.Repeat([]byte{2}, size)
	against(b, func(n int) {
		for range n {
			if got := must(b, procpool.DeferToProcess(background, p, length, data)); got != size {
				b.Fatal(got)
			}
		}
	}, contender{name: "memcpy", run: func(n int) {
		for range n {
			copy(to, data)
		}
	}}, coldCopies(data))
}

// coldCopies copies twice, as a job's argument has to be, each time into memory that
// was not used just before: what there are of such copies does not fit into a
// processor's cache.
func coldCopies(data []byte) contender {
	var between, to [4][]byte
	for i := range to {
		between[i], to[i] = bytes.Clone(data), bytes.Clone(data)
	}
	return contender{name: "two-cold-copies", run: func(n int) {
		for i := range n {
			copy(between[i%len(between)], data)
			copy(to[i%len(to)], between[i%len(between)])
		}
	}}
}

// A worker from nothing to its first value.
func BenchmarkProcStart(b *testing.B) {
	against(b, func(n int) {
		for range n {
			p, err := procpool.New(procpool.Config{Min: 1, Max: 1})
			if err != nil {
				b.Fatal(err)
			}
			must(b, procpool.DeferToProcess(background, p, square, 3))
			if err := p.Stop(background); err != nil {
				b.Fatal(err)
			}
		}
	}, contender{name: "bare-child", run: func(n int) {
		for range n {
			c := startEcho(b)
			c.trip()
			c.stop()
		}
	}})
}

func rawEcho(b *testing.B) contender {
	c := startEcho(b)
	b.Cleanup(c.stop)
	return contender{name: "raw-echo", run: func(n int) {
		for range n {
			c.trip()
		}
	}}
}

// echoChild is a child process of 64 B echoes over a socket pair, which is read
// here through Go's poller.
type echoChild struct {
	b    *testing.B
	cmd  *exec.Cmd
	conn net.Conn
	buf  [64]byte
}

func startEcho(b *testing.B) *echoChild {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	conn, err := net.FileConn(ours)
	if err != nil {
		b.Fatal(err)
	}
	_ = ours.Close()
	c := &echoChild{b: b, conn: conn, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), echoMode+"="+strconv.Itoa(len(c.buf)))
	c.cmd.ExtraFiles = []*os.File{theirs}
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	_ = theirs.Close()
	return c
}

func (c *echoChild) trip() {
	if _, err := c.conn.Write(c.buf[:]); err != nil {
		c.b.Fatal(err)
	}
	if _, err := io.ReadFull(c.conn, c.buf[:]); err != nil {
		c.b.Fatal(err)
	}
}

// stop ends the child, which sees the end of its input.
func (c *echoChild) stop() {
	_ = c.conn.Close()
	if err := c.cmd.Wait(); err != nil {
		c.b.Error(err)
	}
}
