package procpool

import (
	"bytes"
	"testing"
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
