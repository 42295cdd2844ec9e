//go:build unix

package procpool_test

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// rawEcho is what a worker is measured against: a process that reads and writes
// with plain calls of the system, and no more.
func rawEcho() {
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(3, buf)
		if err != nil || n <= 0 {
			os.Exit(0)
		}
		if _, err := syscall.Write(3, buf[:n]); err != nil {
			os.Exit(1)
		}
	}
}

// startEcho returns the descriptor of a raw echo child, which blocks.
func startEcho(b *testing.B) int {
	b.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	syscall.CloseOnExec(fds[0])
	theirs := os.NewFile(uintptr(fds[1]), "echo")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROCPOOL_TEST_ECHO=1")
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	_ = theirs.Close()
	b.Cleanup(func() {
		_ = syscall.Close(fds[0])
		_ = cmd.Wait()
	})
	return fds[0]
}

func echoOnce(b *testing.B, fd int, buf []byte) {
	if _, err := syscall.Write(fd, buf); err != nil {
		b.Fatal(err)
	}
	for got := 0; got < len(buf); {
		n, err := syscall.Read(fd, buf[got:])
		if err != nil || n <= 0 {
			b.Fatal(n, err)
		}
		got += n
	}
}

func warmPool(b *testing.B, cfg procpool.Config) *procpool.Pool {
	b.Helper()
	p := newPool(b, cfg)
	for range 200 {
		if _, err := procpool.DeferToProcess(bg, p, square, 3).Wait(soon); err != nil {
			b.Fatal(err)
		}
	}
	return p
}

// BenchmarkRoundTrip runs a job and the yardstick in turns, so that both see the
// same machine.
func BenchmarkRoundTrip(b *testing.B) {
	p := warmPool(b, procpool.Config{Min: 1, Max: 1})
	fd, buf := startEcho(b), make([]byte, 64)
	for range 200 {
		echoOnce(b, fd, buf)
	}
	var ours, raw time.Duration
	n := 0
	for b.Loop() {
		start := time.Now()
		for range 32 {
			if _, err := procpool.DeferToProcess(bg, p, square, 3).Wait(time.Minute); err != nil {
				b.Fatal(err)
			}
		}
		middle := time.Now()
		for range 32 {
			echoOnce(b, fd, buf)
		}
		ours, raw, n = ours+middle.Sub(start), raw+time.Since(middle), n+32
	}
	report(b, ours, raw, n)
}

func report(b *testing.B, ours, yardstick time.Duration, n int) {
	b.ReportMetric(float64(ours.Nanoseconds())/float64(n), "ns/job")
	b.ReportMetric(float64(yardstick.Nanoseconds())/float64(n), "ns/yardstick")
	b.ReportMetric(float64(ours)/float64(yardstick), "x-yardstick")
	b.ReportMetric(0, "ns/op") // it would be of both together
}

func BenchmarkPipelined(b *testing.B) {
	p := warmPool(b, procpool.Config{Min: 1, Max: 1})
	b.ReportAllocs()
	results := make([]*eventual.Result[int], 1000)
	n := 0
	for b.Loop() {
		results[n] = procpool.DeferToProcess(bg, p, square, 3)
		if n++; n == len(results) {
			for _, r := range results {
				if _, err := r.Wait(time.Minute); err != nil {
					b.Fatal(err)
				}
			}
			n = 0
		}
	}
}

// BenchmarkBytes16MiB sends 16 MiB one way; the yardstick copies them once.
func BenchmarkBytes16MiB(b *testing.B) {
	p := warmPool(b, procpool.Config{Min: 1, Max: 1})
	data, to := make([]byte, 16<<20), make([]byte, 16<<20)
	copy(to, data)
	var ours, raw time.Duration
	n := 0
	for b.Loop() {
		start := time.Now()
		if n, err := procpool.DeferToProcess(bg, p, size, data).Wait(time.Minute); err != nil || n != len(data) {
			b.Fatal(n, err)
		}
		middle := time.Now()
		copy(to, data)
		ours, raw, n = ours+middle.Sub(start), raw+time.Since(middle), n+1
	}
	report(b, ours, raw, n)
}

// BenchmarkStart starts a worker and has its first answer; the yardstick is a bare
// child of the same program and its first answer.
func BenchmarkStart(b *testing.B) {
	var ours, raw time.Duration
	n := 0
	for b.Loop() {
		start := time.Now()
		p, err := procpool.New(procpool.Config{Max: 1})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := procpool.DeferToProcess(bg, p, square, 3).Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		if err := p.Stop(context.Background()); err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		fd := startEcho(b)
		echoOnce(b, fd, make([]byte, 64))
		raw += time.Since(start)
		n++
	}
	report(b, ours, raw, n)
}
