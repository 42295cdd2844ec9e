package procpool

import (
	"errors"
	"math"
	"testing"
	"testing/quick"
	"time"

	"github.com/trestle-go/trestle/internal/frame"
)

// cross sends v as a job's argument or result goes.
func cross[T any](e encoder, v T) (out T, key uint64, err error) {
	p, err := encodeSame(e, v)
	if err != nil {
		return out, 0, err
	}
	body := p.data
	if e.codec == gobCodec {
		body = append(sentTypes{}.prefix(nil, p.key, p.defs), p.data...)
	}
	types := new(receivedTypes)
	r, err := receive(e.codec, types, frame.Frame{Flags: p.encoding, Body: body}, nil)
	if err != nil {
		return out, 0, err
	}
	out, err = decodeSame[T](e.codec, types, r)
	return out, r.key, err
}

func crossesAs[T comparable](t *testing.T, plain bool, values ...T) {
	t.Helper()
	for _, c := range []codec{gobCodec, jsonCodec} {
		check := func(v T) bool {
			got, key, err := cross(encoder{codec: c, limit: 1 << 20}, v)
			if err != nil || got != v || (key == plainKey) != (plain && c == gobCodec) {
				t.Errorf("%v: %v became %v under key %d: %v", c, v, got, key, err)
			}
			return true
		}
		for _, v := range values {
			check(v)
		}
		if len(values) > 0 {
			continue
		}
		_ = quick.Check(check, &quick.Config{MaxCount: 200})
	}
}

func TestPlain_ValuesCross(t *testing.T) {
	crossesAs[int](t, true)
	crossesAs[int64](t, true)
	crossesAs[uint64](t, true)
	crossesAs[float64](t, true)
	crossesAs(t, true, math.MinInt, math.MaxInt, 0, -1)
	crossesAs(t, true, uint64(math.MaxUint64), 0)
	crossesAs(t, true, math.SmallestNonzeroFloat64, -math.MaxFloat64, 0)
	crossesAs(t, true, "", "text", "zw\u00f6lf \u2260 \U0001f40d")
	// Types of other names, and interfaces, are left to the codec.
	crossesAs(t, false, time.Second)
	crossesAs(t, false, int8(3), -128)
	if got, key, err := cross[any](encoder{limit: 100}, 7); err != nil || got != 7 || key == plainKey {
		t.Errorf("%v under key %d, %v", got, key, err)
	}
	if nan, _, err := cross(encoder{limit: 100}, math.NaN()); err != nil || !math.IsNaN(nan) {
		t.Errorf("%v, %v", nan, err)
	}
}

func TestPlain_TooLarge(t *testing.T) {
	if _, err := encodeSame(encoder{limit: 4}, "four"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func notPlain[T any](t *testing.T, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		r := received{encoding: frame.Encoded, key: plainKey, data: []byte(body)}
		if v, err := decodeSame[T](gobCodec, new(receivedTypes), r); err == nil {
			t.Errorf("%q became %v", body, v)
		}
	}
}

func TestPlain_WhatIsNoValue(t *testing.T) {
	notPlain[int](t, "", "i", "u\x01", "i\x80", "i\x01\x01", "i\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	notPlain[int64](t, "", "i", "s\x01", "i\x80")
	notPlain[uint64](t, "", "u", "i\x01", "u\x80", "u\x00\x00")
	notPlain[float64](t, "", "f", "u12345678", "f1234567", "f123456789")
	notPlain[string](t, "", "i\x01", "x")
	notPlain[struct{ A int }](t, "", "i\x01")
	var v int
	if err := decodeInto(gobCodec, new(receivedTypes), received{encoding: frame.Encoded, key: plainKey, data: []byte("i\x02")}, &v); err == nil {
		t.Error("a value whose type only one side knows")
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("i\x80\x01"))
	f.Add([]byte("stext"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := received{encoding: frame.Encoded, key: plainKey, data: body}
		if v, err := decodeSame[int](gobCodec, new(receivedTypes), r); err == nil {
			if got, _, err := cross(encoder{limit: 100}, v); got != v || err != nil {
				t.Errorf("%d became %d, %v", v, got, err)
			}
		}
		s, err := decodeSame[string](gobCodec, new(receivedTypes), r)
		if is := len(body) > 0 && body[0] == plainString; is != (err == nil) || is && s != string(body[1:]) {
			t.Errorf("%q became %q, %v", body, s, err)
		}
	})
}
