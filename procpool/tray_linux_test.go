package procpool

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

func TestTray_RestIsWhatWasNotRead(t *testing.T) {
	ours, mem, err := newTray()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.close()
	defer mem.close()
	theirs, err := mapTray(mem.fd())
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.close()
	left := func(from uint64) []byte {
		b := make([]byte, trayRoom+1)
		return b[:ours.rest(from, b)]
	}
	theirs.written(1000)
	if got := left(1000); len(got) != 0 {
		t.Errorf("in an empty tray: %q", got)
	}
	if !theirs.put([]byte("hello ")) || !theirs.put([]byte("world")) {
		t.Fatal("no room")
	}
	for from, want := range map[uint64]string{999: "", 1000: "hello world", 1006: "world", 1010: "d", 1011: "", 1 << 63: ""} {
		if got := left(from); string(got) != want {
			t.Errorf("from %d: %q, want %q", from, got, want)
		}
	}
	if theirs.put(make([]byte, trayRoom-10)) {
		t.Error("it took more than fits")
	}
	if !theirs.put(make([]byte, trayRoom-11)) || len(left(1000)) != trayRoom {
		t.Error("it did not take what fits")
	}
	theirs.written(1000 + trayRoom)
	if got := left(1000 + trayRoom); len(got) != 0 || !theirs.put([]byte("x")) {
		t.Errorf("after a write: %q", got)
	}
	if got := left(1000 + trayRoom); !bytes.Equal(got, []byte("x")) {
		t.Errorf("anew: %q", got)
	}
	theirs.end.Store(1 << 62) // nonsense
	if got := left(1000 + trayRoom); len(got) != 0 {
		t.Errorf("%d bytes of a tray that makes no sense", len(got))
	}
}

// twoEnds returns a tray as the pool has it, and as the worker does.
func twoEnds(t *testing.T) (ours, theirs *tray) {
	t.Helper()
	ours, mem, err := newTray()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ours.close)
	defer mem.close()
	theirs, err = mapTray(mem.fd())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(theirs.close)
	return ours, theirs
}

func TestTray_LendsOnlyToWhoWatches(t *testing.T) {
	ours, theirs := twoEnds(t)
	theirs.written(100)
	if theirs.lend([]byte("one")) || theirs.end.Load() != 100 {
		t.Fatal("lent to nobody")
	}
	if !ours.watch() || ours.watch() {
		t.Fatal("there is one watcher at a time")
	}
	if !theirs.lend([]byte("two")) || !ours.unwatch() {
		t.Fatal("not lent to who watches")
	}
	if got := ours.take(99, nil); len(got) != 0 {
		t.Errorf("took %q, before which something is to come", got)
	}
	if got := ours.take(100, []byte("a ")); string(got) != "a two" {
		t.Errorf("took %q", got)
	}
	if theirs.endLoan() || len(ours.take(100, nil)) != 0 {
		t.Error("it was not gone")
	}
}

func TestTray_WhatIsNotTakenIsTakenBack(t *testing.T) {
	ours, theirs := twoEnds(t)
	if !ours.watch() || !theirs.lend([]byte("x")) || !theirs.endLoan() {
		t.Fatal("not taken back")
	}
	if got := ours.take(0, nil); len(got) != 0 {
		t.Errorf("took %q, which is to be written", got)
	}
	b := make([]byte, 8)
	if n := ours.rest(0, b); string(b[:n]) != "x" {
		t.Errorf("a worker that dies now leaves %q", b[:n])
	}
	if !ours.watch() || ours.unwatch() || theirs.lend([]byte("y")) {
		t.Error("lent to one who has gone")
	}
}

// TestTray_OneOfBothHasIt: of one who gives up watching and one who lends, at the same
// moment, exactly one succeeds.
func TestTray_OneOfBothHasIt(t *testing.T) {
	ours, theirs := twoEnds(t)
	for i := range 2000 {
		if !ours.watch() {
			t.Fatal("somebody watches still")
		}
		lent := make(chan bool, 1)
		go func() { lent <- theirs.lend([]byte("x")) }() // ends at once
		if i%2 == 0 {
			ours.sleep(time.Duration(i%20) * time.Microsecond)
		}
		withdrawn := !ours.unwatch()
		if got := <-lent; got == withdrawn {
			t.Fatalf("lent: %v, withdrawn: %v", got, withdrawn)
		}
		if !withdrawn && string(ours.take(0, nil)) != "x" {
			t.Fatal("nothing there")
		}
		theirs.written(0)
	}
}

func TestTray_SleepersAreWoken(t *testing.T) {
	ours, theirs := twoEnds(t)
	const long = time.Minute
	for range 200 {
		ours.watch()
		go func() { // ends once it has seen the sleeper
			for ours.lent.Load() != asleep {
				runtime.Gosched()
			}
			ours.unwatch()
		}()
		ours.sleep(long)
		if ours.unwatch() || ours.lent.Load() != unwatched {
			t.Fatal("it was not dismissed")
		}
		go func() { // ends once it has seen the sleeper
			for !ours.hand([]byte("job"), 7) {
				runtime.Gosched()
			}
		}()
		b := make([]byte, trayRoom)
		if n := theirs.look(b, 7, long); string(b[:n]) != "job" {
			t.Fatalf("handed %q", b[:n])
		}
		go func() { // ends once it has seen the sleeper
			for ours.handed.Load() != looking {
				runtime.Gosched()
			}
			ours.sentUpTo(20)
		}()
		if n := theirs.look(b, 10, long); n != 0 {
			t.Fatalf("%d bytes, which are in the connection", n)
		}
		if n := theirs.look(b, 10, long); n != 0 { // at once: it has not read all
			t.Fatal(n)
		}
		ours.sentUpTo(7)
	}
	theirs.read.Store(0)
	theirs.handed.Store(looking)
	if ours.hand([]byte("x"), 7) {
		t.Error("handed to a worker that has not read what came before")
	}
	if ours.handed.Store(away); ours.hand([]byte("x"), 0) {
		t.Error("handed to a worker that does not look")
	}
	if ours.handed.Store(looking); ours.hand(make([]byte, trayRoom+1), 0) {
		t.Error("handed more than there is room for")
	}
}

// TestTray_OverBeforeItSleeps: who watches, and has not gone to sleep when the result has
// come otherwise, does not.
func TestTray_OverBeforeItSleeps(t *testing.T) {
	ours, _ := twoEnds(t)
	ours.watch()
	if ours.unwatch() { // as when a job has ended
		t.Fatal("nothing was lent")
	}
	begun := time.Now()
	ours.sleep(time.Minute)
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("slept for %v", took)
	}
}

// TestTray_P04_Nonsense: whatever a worker writes into the tray, what the pool takes out of
// it is within it, and it does not end anywhere else.
func TestTray_P04_Nonsense(t *testing.T) {
	ours, theirs := twoEnds(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends when stop is closed
		defer close(stopped)
		numbers := []uint64{0, 1, trayRoom, trayRoom + 1, 1 << 31, 1<<64 - 1, 1<<64 - trayRoom}
		for i := uint32(0); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			n := numbers[i%uint32(len(numbers))]
			theirs.lent.Store(i % 7)
			theirs.handed.Store(i % 5)
			theirs.base.Store(n)
			theirs.end.Store(n + numbers[i/3%uint32(len(numbers))])
			theirs.size.Store(n)
			theirs.read.Store(0)
			theirs.sent.Store(n)
		}
	}()
	room := make([]byte, trayRoom+1)
	for i := range 20_000 {
		ours.watch()
		if i%64 == 0 {
			ours.sleep(10 * time.Microsecond)
		}
		ours.unwatch()
		if got := ours.take(0, nil); len(got) > trayRoom {
			t.Fatalf("took %d bytes", len(got))
		}
		if n := ours.rest(0, room); n > trayRoom {
			t.Fatalf("%d bytes are left", n)
		}
		ours.hand(room[:i%len(room)], 0)
		ours.sentUpTo(uint64(i))
	}
	close(stop)
	<-stopped
}
