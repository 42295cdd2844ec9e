//go:build unix

package reactor_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/reactor"
)

// tcpPair returns two ends of a real connection.
func tcpPair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = dialed.Close(), accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

func TestReactor_R14_AddReader(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	a, b := tcpPair(t)
	got := make(chan string, 16)
	read := func() {
		buf := make([]byte, 3) // leaves some: called again
		n, err := a.Read(buf)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- string(buf[:n])
	}
	remove, err := r.AddReader(a, read)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write([]byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	if s := <-got + <-got; s != "abcdef" {
		t.Errorf("read %q", s)
	}
	remove()
	remove()
	if _, err := b.Write([]byte("xyz")); err != nil {
		t.Fatal(err)
	}
	on(t, r, func() {})
	select {
	case s := <-got:
		t.Errorf("called after remove: %q", s)
	default:
	}
	// The connection is as it was: no deadline is left, and what came is there.
	buf := make([]byte, 3)
	if _, err := io.ReadFull(a, buf); err != nil || string(buf) != "xyz" {
		t.Errorf("%q, %v", buf, err)
	}
	// What is there before the watch begins is seen too.
	if _, err := b.Write([]byte("old")); err != nil {
		t.Fatal(err)
	}
	if remove, err = r.AddReader(a, read); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "old" {
		t.Errorf("read %q", s)
	}
	remove()
}

// fill writes to w until there is no room, and returns how much there was.
func fill(t *testing.T, w *os.File) (filled int) {
	t.Helper()
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Write(func(fd uintptr) bool { // which does not block
		for {
			n, err := syscall.Write(int(fd), make([]byte, 4096))
			if err != nil {
				if !errors.Is(err, syscall.EAGAIN) {
					t.Errorf("filling the pipe: %v", err)
				}
				return true
			}
			filled += n
		}
	}); err != nil {
		t.Fatal(err)
	}
	return filled
}

func TestReactor_R14_AddWriter(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	defer pw.Close()
	filled := fill(t, pw)
	writable := make(chan struct{}, 1)
	remove, err := r.AddWriter(pw, func() {
		select {
		case writable <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	on(t, r, func() {})
	select {
	case <-writable:
		t.Error("a full pipe is writable")
	default:
	}
	if _, err := io.CopyN(io.Discard, pr, int64(filled)); err != nil {
		t.Fatal(err)
	}
	<-writable
	remove()
}

func TestReactor_R14_RemovedFromItsOwnCallback(t *testing.T) {
	r := startReactor(t, reactor.Config{})
	a, b := tcpPair(t)
	calls := make(chan struct{}, 16)
	var remove func()
	on(t, r, func() {
		var err error
		remove, err = r.AddReader(a, func() {
			calls <- struct{}{}
			remove()
		})
		if err != nil {
			t.Error(err)
		}
	})
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-calls
	on(t, r, func() {})
	if len(calls) != 0 {
		t.Error("called again")
	}
}

func TestReactor_R14_ClosedDescriptorIsReported(t *testing.T) {
	log := new(logtest.Log)
	r := startReactor(t, reactor.Config{Logger: log.Logger()})
	a, _ := tcpPair(t)
	if _, err := r.AddReader(a, func() { t.Error("called") }); err != nil {
		t.Fatal(err)
	}
	a.Close()
	for end := time.Now().Add(soon); !strings.Contains(log.String(), "no longer watched"); {
		if time.Now().After(end) {
			t.Fatal("not reported")
		}
		on(t, r, func() {})
	}
	for range 20 { // it would spin
		on(t, r, func() {})
		time.Sleep(time.Millisecond)
	}
	if n := strings.Count(log.String(), "no longer watched"); n != 1 {
		t.Errorf("reported %d times", n)
	}
	if _, err := r.AddReader(nil, func() {}); err == nil {
		t.Error("nil connection accepted")
	}
}

// TestReactor_R14_OneReaderAndOneWriterAConnection: a second one is refused, on any
// reactor, until the first is gone; reader and writer do not disturb each other.
func TestReactor_R14_OneReaderAndOneWriterAConnection(t *testing.T) {
	r, other := startReactor(t, reactor.Config{}), startReactor(t, reactor.Config{})
	a, b := tcpPair(t)
	got, writable := make(chan byte, 16), make(chan struct{}, 1)
	read := func() {
		buf := make([]byte, 1)
		if _, err := a.Read(buf); err != nil {
			t.Error(err)
		}
		got <- buf[0]
	}
	removeReader, err := r.AddReader(a, read)
	if err != nil {
		t.Fatal(err)
	}
	removeWriter, err := r.AddWriter(a, func() {
		select {
		case writable <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []*reactor.Reactor{r, other} {
		if _, err := on.AddReader(a, func() { t.Error("called") }); err == nil || !strings.Contains(err.Error(), "AddReader: this *net.TCPConn has one already") {
			t.Errorf("a second reader: %v", err)
		}
		if _, err := on.AddWriter(a, func() { t.Error("called") }); err == nil {
			t.Error("a second writer")
		}
	}
	send := func(c byte) {
		t.Helper()
		if _, err := b.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	send('1') // the first is as it was
	if c := <-got; c != '1' {
		t.Errorf("%q", c)
	}
	removeReader()
	<-writable // one from before, perhaps
	<-writable // the writer goes on
	if removeReader, err = other.AddReader(a, read); err != nil {
		t.Fatalf("after the first was removed: %v", err)
	}
	removeWriter()
	on(t, r, func() {})
	for len(writable) > 0 {
		<-writable
	}
	on(t, r, func() {})
	if len(writable) != 0 {
		t.Error("the writer is called after its remove")
	}
	send('2') // and the reader goes on
	if c := <-got; c != '2' {
		t.Errorf("%q", c)
	}
	removeReader()
}

// TestReactor_R12_AWatchOutlivesItsCallback, whatever that does: it is called again
// while there is something to read.
func TestReactor_R12_AWatchOutlivesItsCallback(t *testing.T) {
	r := startReactor(t, reactor.Config{Logger: quiet()})
	a, b := tcpPair(t)
	calls, read := 0, make(chan int, 1)
	remove, err := r.AddReader(a, func() {
		switch calls++; calls {
		case 1:
			panic("bang")
		case 2:
			runtime.Goexit()
		}
		_, _ = a.Read(make([]byte, 1))
		read <- calls
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n := <-read; n != 3 {
		t.Errorf("read at call %d", n)
	}
	remove()
	if n := r.Stats().Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
}

func TestReactor_R14_StopEndsTheWatch(t *testing.T) {
	r := reactor.New(reactor.Config{})
	r.Start()
	a, b := tcpPair(t)
	if _, err := r.AddReader(a, func() {}); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(a, make([]byte, 1)); err != nil {
		t.Errorf("the connection cannot be read after Stop: %v", err)
	}
	if _, err := r.AddReader(a, func() {}); !errors.Is(err, eventual.ErrStopped) {
		t.Errorf("AddReader after Stop: %v", err)
	}
}

// TestReactor_R15_TheDispositionReturns runs itself again as a program that is told
// of a signal, and then is not any more: the signal ends it, as it does by default.
func TestReactor_R15_TheDispositionReturns(t *testing.T) {
	if os.Getenv("TRESTLE_SIGNAL") != "" {
		r := reactor.New(reactor.Config{})
		r.Start()
		told := make(chan os.Signal, 1)
		stop := r.OnSignal(func(s os.Signal) { told <- s }, syscall.SIGTERM)
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		<-told
		if os.Getenv("TRESTLE_SIGNAL") == "stop" {
			stop()
		} else {
			_ = r.Stop(context.Background())
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(soon)
		os.Exit(0)
	}
	for _, how := range []string{"stop", "reactor's stop"} {
		cmd := exec.Command(os.Args[0], "-test.run=TestReactor_R15_TheDispositionReturns")
		cmd.Env = append(os.Environ(), "TRESTLE_SIGNAL="+how)
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func TestReactor_R15_OnSignal(t *testing.T) {
	// What was in force before: this channel.
	before := make(chan os.Signal, 4)
	signal.Notify(before, syscall.SIGUSR1)
	defer signal.Stop(before)
	r := startReactor(t, reactor.Config{})
	got := make(chan error, 4)
	stop := r.OnSignal(func(s os.Signal) {
		pending, _ := eventual.New[int](nil)
		_, err := pending.Wait(time.Hour)
		if s != syscall.SIGUSR1 {
			err = errors.New(s.String())
		}
		got <- err
	}, syscall.SIGUSR1)
	send := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		<-before
	}
	send()
	if err := <-got; !errors.Is(err, eventual.ErrWaitInReactor) {
		t.Errorf("not on the reactor's goroutine, or another signal: %v", err)
	}
	stop()
	stop()
	send()
	on(t, r, func() {})
	if len(got) != 0 {
		t.Error("called after stop")
	}
}
