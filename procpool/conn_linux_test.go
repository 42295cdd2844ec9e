package procpool

import (
	"errors"
	"strings"
	"testing"

	"github.com/trestle-go/trestle/internal/frame"
	"golang.org/x/sys/unix"
)

// What the kernel could not hand over is not blamed on who sent it.
func TestConn_DescriptorsThatThereIsNoRoomFor(t *testing.T) {
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.close()
	defer func() { _ = theirs.Close() }()
	large := frame.Frame{Type: frame.Result, Flags: frame.Shared, Body: make([]byte, 8)}
	if _, err := adoptFrom(ours, nil, large, 1<<20); !errors.Is(err, errNoFD) {
		t.Errorf("%v, though none was sent", err)
	}

	const sent = 20 // more than the connection takes at once
	fds := make([]int, sent)
	for i := range fds {
		fds[i] = int(theirs.Fd())
	}
	if _, err := unix.SendmsgN(int(theirs.Fd()), []byte("x"), unix.UnixRights(fds...), nil, 0); err != nil {
		t.Fatal(err)
	}
	if n, err := ours.read(make([]byte, 8)); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := adoptFrom(ours, nil, large, 1<<20); err == nil || !strings.Contains(err.Error(), "too many open files") {
		t.Errorf("%v", err)
	}
}
