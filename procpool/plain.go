package procpool

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/trestle-go/trestle/internal/frame"
)

// plainKey is what stands in place of the key of gob definitions before a value
// that needs none: a number or a string, whose type both sides have from the same
// function. Gob takes longer to look up what it knows of an int than the rest of
// such a job takes.
const plainKey = 1

// The first byte of such a value says what it is.
const (
	plainInt    = 'i' // a varint follows
	plainUint   = 'u' // an unsigned varint
	plainFloat  = 'f' // 8 bytes
	plainString = 's' // the bytes
)

var errPlain = errors.New("not a value of its type")

// encodeSame is encode for a value that decodeSame will decode as the same T.
func encodeSame[T any](e encoder, v T) (payload, error) {
	if e.codec != gobCodec {
		return encode(e, v)
	}
	var data []byte
	switch p := any(&v).(type) { // the type of T, not of what an interface holds
	case *int:
		data = binary.AppendVarint(newPlain(plainInt), int64(*p))
	case *int64:
		data = binary.AppendVarint(newPlain(plainInt), *p)
	case *uint64:
		data = binary.AppendUvarint(newPlain(plainUint), *p)
	case *float64:
		data = binary.BigEndian.AppendUint64(newPlain(plainFloat), math.Float64bits(*p))
	case *string:
		data = append(append(make([]byte, 0, 1+len(*p)), plainString), *p...)
	default:
		return encode(e, v)
	}
	if err := fits(len(data), e.limit); err != nil {
		return payload{}, err
	}
	return payload{encoding: frame.Encoded, key: plainKey, data: data}, nil
}

// newPlain has room for any number.
func newPlain(is byte) []byte { return append(make([]byte, 0, 1+binary.MaxVarintLen64), is) }

// decodeSame decodes what encodeSame has encoded.
func decodeSame[T any](c codec, types *receivedTypes, r received) (v T, err error) {
	if r.encoding != frame.Encoded || c != gobCodec || r.key != plainKey {
		return decode[T](c, types, r)
	}
	if len(r.data) == 0 {
		return v, errPlain
	}
	is, data, n := r.data[0], r.data[1:], 0
	switch p := any(&v).(type) {
	case *int:
		if is == plainInt {
			var i int64
			i, n = binary.Varint(data)
			*p = int(i)
		}
	case *int64:
		if is == plainInt {
			*p, n = binary.Varint(data)
		}
	case *uint64:
		if is == plainUint {
			*p, n = binary.Uvarint(data)
		}
	case *float64:
		if is == plainFloat && len(data) == 8 {
			*p, n = math.Float64frombits(binary.BigEndian.Uint64(data)), 8
		}
	case *string:
		if is == plainString {
			*p = string(data)
			return v, nil
		}
	}
	if n <= 0 || n != len(data) {
		var zero T
		return zero, errPlain
	}
	return v, nil
}
