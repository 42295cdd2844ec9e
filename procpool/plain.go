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

var errPlain = errors.New("not a value of its type")

// encodeSame is encode for a value that decodeSame will decode as the same T.
func encodeSame[T any](e encoder, v T) (payload, error) {
	if e.codec != gobCodec {
		return encode(e, v)
	}
	var data []byte
	switch p := any(&v).(type) { // the type of T, not of what an interface holds
	case *int:
		data = binary.AppendVarint(nil, int64(*p))
	case *int64:
		data = binary.AppendVarint(nil, *p)
	case *uint64:
		data = binary.AppendUvarint(nil, *p)
	case *float64:
		data = binary.BigEndian.AppendUint64(nil, math.Float64bits(*p))
	case *string:
		data = []byte(*p)
	default:
		return encode(e, v)
	}
	if err := fits(len(data), e.limit); err != nil {
		return payload{}, err
	}
	return payload{encoding: frame.Encoded, key: plainKey, data: data}, nil
}

// decodeSame decodes what encodeSame has encoded.
func decodeSame[T any](c codec, types *receivedTypes, r received) (v T, err error) {
	if r.encoding != frame.Encoded || c != gobCodec || r.key != plainKey {
		return decode[T](c, types, r)
	}
	n := 0
	switch p := any(&v).(type) {
	case *int:
		var i int64
		i, n = binary.Varint(r.data)
		*p = int(i)
	case *int64:
		*p, n = binary.Varint(r.data)
	case *uint64:
		*p, n = binary.Uvarint(r.data)
	case *float64:
		if n = 8; len(r.data) == n {
			*p = math.Float64frombits(binary.BigEndian.Uint64(r.data))
		}
	case *string:
		*p = string(r.data)
		return v, nil
	}
	if n <= 0 || n != len(r.data) {
		return v, errPlain
	}
	return v, nil
}
