package procpool

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/internal/frame"
)

type sample struct {
	Name   string
	Count  int
	Scores map[string][]float64
	Next   *sample
	At     time.Time
	Any    any
}

// over sends v as if to a worker, with its own memory of what it was told.
func over[T any](t testing.TB, e encoder, sent sentTypes, got *receivedTypes, v T) T {
	t.Helper()
	p, err := encode(e, v)
	if err != nil {
		t.Fatal(err)
	}
	body := p.data
	if p.encoding == frame.Encoded && e.codec == gobCodec {
		body = append(sent.prefix(nil, p.key, p.defs), p.data...)
	}
	r, err := receive(e.codec, got, frame.Frame{Flags: p.encoding, Body: body}, p.mem)
	if err != nil {
		t.Fatal(err)
	}
	out, err := decode[T](e.codec, got, r)
	r.release()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCodec_ValuesCross(t *testing.T) {
	for _, c := range []codec{gobCodec, jsonCodec} {
		e := encoder{codec: c, limit: 1 << 20}
		sent, got := sentTypes{}, new(receivedTypes)
		for i := range 3 { // definitions go once
			if v := over(t, e, sent, got, i); v != i {
				t.Errorf("%v: %d became %d", c, i, v)
			}
			in := sample{Name: "a", Count: i, Scores: map[string][]float64{"x": {1, 2.5}}, Next: &sample{Name: "b"}, At: time.Unix(5, 6).UTC(), Any: "any"}
			if v := over(t, e, sent, got, in); !reflect.DeepEqual(v, in) {
				t.Errorf("%v: %+v became %+v", c, in, v)
			}
			if v := over(t, e, sent, got, (*sample)(nil)); v != nil {
				t.Errorf("%v: nil became %+v", c, v)
			}
			if v := over(t, e, sent, got, struct{}{}); v != struct{}{} {
				t.Errorf("%v: %v", c, v)
			}
			if v := over(t, e, sent, got, []byte("bytes")); string(v) != "bytes" {
				t.Errorf("%v: %q", c, v)
			}
		}
	}
}

func TestCodec_Property(t *testing.T) {
	e := encoder{limit: 1 << 20}
	sent, got := sentTypes{}, new(receivedTypes)
	rapid.Check(t, func(rt *rapid.T) {
		in := rapid.MapOf(rapid.String(), rapid.SliceOfN(rapid.Int64(), 1, 5)).Draw(rt, "in")
		out := over(t, e, sent, got, in)
		if len(in) != len(out) || len(in) > 0 && !reflect.DeepEqual(in, out) {
			rt.Fatalf("%v became %v", in, out)
		}
	})
}

// A failure spoils nothing for the values after it, and encoders work in parallel.
func TestCodec_AfterAFailure(t *testing.T) {
	e := encoder{limit: 1 << 20}
	if _, err := encode(e, any(struct{ F func() }{})); err == nil {
		t.Error("a function was encoded")
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			sent, got := sentTypes{}, new(receivedTypes)
			for i := range 200 {
				if v := over(t, e, sent, got, sample{Count: i}); v.Count != i {
					t.Error(v)
				}
				if v := over(t, e, sent, got, map[int]string{i: "x"}); v[i] != "x" {
					t.Error(v)
				}
			}
		})
	}
	wg.Wait()
}

func TestCodec_Encodable(t *testing.T) {
	type withFunc struct {
		OK   int
		Deep []map[string]struct{ F func() }
	}
	for _, c := range []struct {
		t    reflect.Type
		want string
	}{
		{reflect.TypeFor[sample](), ""}, {reflect.TypeFor[time.Time](), ""}, {reflect.TypeFor[error](), ""},
		{reflect.TypeFor[chan int](), "chan int is a chan"},
		{reflect.TypeFor[withFunc](), "withFunc.Deep's value.F is a func"},
	} {
		err := encodable(c.t)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.t, err)
		}
	}
}

func TestRegister_Errors(t *testing.T) {
	var r functions
	first := &function{name: "f", where: "a.go:1"}
	r.add(first)
	second := &function{name: "f", where: "b.go:2"}
	r.add(second)
	if first.err != nil || second.err == nil || !strings.Contains(second.err.Error(), `Register("f") at b.go:2: the name was taken at a.go:1`) {
		t.Errorf("%v, %v", first.err, second.err)
	}
	if err := r.seal("New"); !errors.Is(err, second.err) {
		t.Errorf("%v", err)
	}
	late := &function{name: "g", where: "c.go:3"}
	r.add(late)
	if late.err == nil || !strings.Contains(late.err.Error(), "too late: after the first New") {
		t.Errorf("%v", late.err)
	}
	if got := r.find([]byte("f")); got != first {
		t.Errorf("%v", got)
	}
	bad := Declare[chan int, int]("x")
	if bad.f.err == nil {
		t.Error("a channel was declared")
	}
	if err := crosses[int, func()](); err == nil {
		t.Error("a function can be returned")
	}
}

// FuzzMessages: whatever comes from the other side is a value or an error.
func FuzzMessages(f *testing.F) {
	e := encoder{limit: 1 << 20}
	for _, v := range []sample{{}, {Name: "x", Count: 3, Scores: map[string][]float64{"y": {1}}}} {
		p, err := encode(e, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(sentTypes{}.prefix(nil, p.key, p.defs), p.data...))
	}
	f.Add([]byte{0})
	f.Add([]byte{1, 200, 200, 200, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		types := new(receivedTypes)
		for range 2 {
			r, err := receive(gobCodec, types, frame.Frame{Body: body}, nil)
			if err != nil {
				return
			}
			_, _ = decode[sample](gobCodec, types, r)
		}
		if n, err := definitions(body); err == nil && n > len(body) {
			t.Errorf("%d definitions in %d bytes", n, len(body))
		}
		if fail, err := parseFailure(body); err == nil && fail.err() == nil {
			t.Error("a failure without an error")
		}
	})
}

func TestOutbox_DescriptorsGoWithTheirBytes(t *testing.T) {
	if _, err := newMemory(nil, make([]byte, 10)); err != nil {
		t.Skip(err)
	}
	one, _ := newMemory(nil, []byte("one"))
	two, _ := newMemory(nil, []byte("two"))
	o := outbox{buf: []byte("abcdefghij"), fds: []fdMark{{2, one}, {5, two}}}
	var got []string
	want := map[int]string{-1: "-", one.fd(): "1", two.fd(): "2"}
	room := 4
	err := o.flush(func(b []byte, fd int) (int, error) {
		n := min(len(b), room)
		got = append(got, string(b[:n])+want[fd])
		return n, nil
	})
	if s := strings.Join(got, " "); err != nil || s != "ab- cde1 fghi2 j-" {
		t.Errorf("%q, %v", s, err)
	}
}

func TestCallParent_OutsideOfAJob(t *testing.T) {
	if _, err := CallParent[int, int](context.Background(), "x", 1); err == nil || !strings.Contains(err.Error(), "not that of a job") {
		t.Error(err)
	}
	if err := Progress(context.Background(), 1); err == nil || !strings.Contains(err.Error(), "not that of a job") {
		t.Error(err)
	}
}
