package coiterate_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// collect runs Lines over r as a task.
func collect(c *coiterate.Cooperator, r io.Reader) ([]string, error) {
	return coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (got []string, err error) {
		for line, err := range coiterate.Lines(y, r) {
			if err != nil {
				return got, err
			}
			got = append(got, line)
		}
		return got, nil
	}).Wait(soon)
}

// TestCoiterate_ReadsDoNotHoldTheLoop: while a read blocks, the loop does what
// the read waits for.
func TestCoiterate_ReadsDoNotHoldTheLoop(t *testing.T) {
	r, c := onLoop(t, coiterate.Config{})
	in, out := io.Pipe()
	res := coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (string, error) {
		var all strings.Builder
		for line, err := range coiterate.Lines(y, in) {
			if err != nil {
				return "", err
			}
			all.WriteString(line + ";")
		}
		return all.String(), nil
	})
	for _, part := range []string{"one\ntw", "o\r\n", "\nthree"} {
		if _, err := reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { return 0, nil }).Wait(soon); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(out, part)
	}
	_ = out.Close()
	if got, err := res.Wait(soon); got != "one;two;;three;" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCoiterate_ReadersOfAllKinds(t *testing.T) {
	_, c := onLoop(t, coiterate.Config{})
	text := func() io.Reader { return strings.NewReader("a\nb\n\nc") }
	for name, r := range map[string]io.Reader{
		"plain": text(), "a byte at a time": iotest.OneByteReader(text()),
		"the end with the data": iotest.DataErrReader(text()), "half": iotest.HalfReader(text()),
	} {
		if got, err := collect(c, r); err != nil || !slices.Equal(got, []string{"a", "b", "", "c"}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, bad := range map[string]struct {
		r    io.Reader
		want string
	}{
		"error":      {iotest.ErrReader(errBoom), "boom"},
		"nothing":    {readFunc(func([]byte) (int, error) { return 0, nil }), io.ErrNoProgress.Error()},
		"panic":      {readFunc(func([]byte) (int, error) { panic(errBoom) }), "boom"},
		"too much":   {readFunc(func(b []byte) (int, error) { return len(b) + 1, nil }), "impossible count"},
		"too little": {readFunc(func([]byte) (int, error) { return -1, nil }), "impossible count"},
		"no reader":  {nil, "nil Yielder or reader"},
		"no end":     {readFunc(func(b []byte) (int, error) { return len(b), nil }), bufio.ErrTooLong.Error()},
	} {
		if _, err := collect(c, bad.r); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

func TestCoiterate_ChunksOfASize(t *testing.T) {
	_, c := onLoop(t, coiterate.Config{})
	want := bytes.Repeat([]byte("0123456789"), 1000)
	got, err := coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (all []byte, err error) {
		for chunk, err := range coiterate.Chunks(y, bytes.NewReader(want), 7) {
			if err != nil {
				return nil, err
			}
			if len(chunk) == 0 || len(chunk) > 7 {
				t.Errorf("a chunk of %d bytes", len(chunk))
			}
			all = append(all, chunk...)
		}
		return all, nil
	}).Wait(soon)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestCoiterate_C03_StopWhileAReadBlocks: the task ends at once; the read when
// its reader is closed.
func TestCoiterate_C03_StopWhileAReadBlocks(t *testing.T) {
	_, c := onLoop(t, coiterate.Config{})
	in, out := io.Pipe()
	defer out.Close()
	reading := make(chan struct{})
	r := readFunc(func(b []byte) (int, error) { close(reading); return in.Read(b) })
	res := coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (last error, _ error) {
		for _, err := range coiterate.Chunks(y, r, 0) {
			last = err
		}
		return nil, last
	})
	<-reading
	res.Cancel()
	if _, err := res.Wait(soon); !errors.Is(err, eventual.ErrCanceled) {
		t.Errorf("%v", err)
	}
}

// FuzzLines: whatever the input, and however it comes, the lines are those of a
// bufio.Scanner.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "\n", "a", "a\n", "a\r\nb", "\r", "\r\n", "a\r", "\n\n\nx\r\r\n"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, s string, size int) {
		_, c := onLoop(t, coiterate.Config{})
		var want []string
		for scan := bufio.NewScanner(strings.NewReader(s)); scan.Scan(); {
			want = append(want, scan.Text())
		}
		size = min(max(size, 1), 16)
		r := strings.NewReader(s)
		got, err := collect(c, readFunc(func(b []byte) (int, error) { return r.Read(b[:size]) }))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q in pieces of %d: %q, %v; want %q", s, size, got, err, want)
		}
	})
}
