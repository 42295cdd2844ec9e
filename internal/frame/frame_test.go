package frame_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/trestle-go/trestle/internal/frame"
)

const limit = 1 << 22

func encode(f frame.Frame) []byte {
	return append(frame.Append(nil, f.Type, f.Flags, f.ID, string(f.Name), len(f.Body)), f.Body...)
}

var samples = []frame.Frame{
	{Type: frame.Hello, Body: []byte(`{"protocol":1}`)},
	{Type: frame.Job, ID: 1, Name: []byte("square"), Body: []byte("12")},
	{Type: frame.Job, Flags: frame.Raw, ID: 2, Name: []byte("upper"), Body: bytes.Repeat([]byte("x"), 3*frame.Buffer)},
	{Type: frame.Result, ID: 1<<64 - 1},
	{Type: frame.Job, ID: 3, Body: make([]byte, limit)},
	{Type: frame.Cancel, Flags: frame.Deadline, ID: 3},
	{Type: frame.Retire},
}

func same(a, b frame.Frame) bool {
	return a.Type == b.Type && a.Flags == b.Flags && a.ID == b.ID && bytes.Equal(a.Name, b.Name) && bytes.Equal(a.Body, b.Body)
}

func TestReader_FramesComeAsTheyWent(t *testing.T) {
	var stream []byte
	for _, f := range samples {
		stream = append(stream, encode(f)...)
	}
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "data with the error": iotest.DataErrReader,
	} {
		r := frame.NewReader(wrap(bytes.NewReader(stream)).Read, limit)
		for i, want := range samples {
			got, err := r.Next()
			if err != nil || !same(got, want) {
				t.Fatalf("%s, frame %d: %v %v", name, i, got.Type, err)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
	small := encode(samples[1])
	r := frame.NewReader(iotest.OneByteReader(bytes.NewReader(small)).Read, limit)
	if r.Buffered() {
		t.Error("a frame before anything was read")
	}
	if got, err := r.Next(); err != nil || !same(got, samples[1]) {
		t.Errorf("byte by byte: %+v, %v", got, err)
	}
}

func TestReader_EndWithinAFrame(t *testing.T) {
	whole := encode(samples[1])
	for n := 1; n < len(whole); n++ {
		r := frame.NewReader(bytes.NewReader(whole[:n]).Read, limit)
		if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestReader_Garbage(t *testing.T) {
	good := encode(samples[1])
	spoilt := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for want, b := range map[string][]byte{
		"frame type 0":   spoilt(4, 0),
		"frame type 200": spoilt(4, 200),
		"flags 0x80":     spoilt(5, 0x80),
		"flags 0x3":      spoilt(5, 3),
		"at most":        spoilt(0, 0xff),
		"with a name of": spoilt(6, 0xff),
		"frame type 97":  []byte("aaaaaaaaaaaaaaaaaaaa"),
	} {
		_, err := frame.NewReader(bytes.NewReader(b).Read, limit).Next()
		var bad *frame.Error
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// A header that announces a lot is not believed before the bytes come.
func TestReader_MemoryFollowsWhatCame(t *testing.T) {
	const huge = 1 << 30
	head := frame.Append(nil, frame.Result, 0, 1, "", huge)
	r := frame.NewReader(bytes.NewReader(head).Read, huge)
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if got := r.Size(); got > 4<<20 {
		t.Errorf("%d bytes of room for a header alone", got)
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range samples[:4] {
		f.Add(encode(s), uint16(7))
	}
	f.Add([]byte("\x00\x00\x00\x05\x04\x00\x00\x09 a name longer than its frame"), uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, step uint16) {
		in := bytes.NewReader(data)
		r := frame.NewReader(func(b []byte) (int, error) {
			return in.Read(b[:min(len(b), int(step)+1)])
		}, 1<<16)
		var again []byte
		for {
			fr, err := r.Next()
			if err != nil {
				break
			}
			again = append(again, encode(fr)...)
		}
		// What was understood is what was there.
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("%x read as %x", data, again)
		}
	})
}

func TestParse_TakesOneFrameAndNoMore(t *testing.T) {
	b := append(frame.Append(nil, frame.Result, frame.Raw, 7, "f", 3), "abc"...)
	f, err := frame.Parse(b)
	if err != nil || f.Type != frame.Result || f.Flags != frame.Raw || f.ID != 7 || string(f.Name) != "f" || string(f.Body) != "abc" || f.Size() != len(b) {
		t.Fatalf("%+v, %v", f, err)
	}
	for n := range len(b) {
		if _, err := frame.Parse(b[:n]); err == nil {
			t.Errorf("%d of its %d bytes were taken for a frame", n, len(b))
		}
	}
	if _, err := frame.Parse(append(b, 0)); err == nil {
		t.Error("a frame with a byte behind it was taken for one")
	}
}
