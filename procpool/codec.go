package procpool

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/trestle-go/trestle/internal/frame"
)

// codec is how values become bytes. A []byte crosses as it is with either.
type codec uint8

const (
	gobCodec  codec = iota // between two processes of this program
	jsonCodec              // with workers of another
)

func (c codec) String() string {
	if c == jsonCodec {
		return "json"
	}
	return "gob"
}

// payload is a value on its way out. It was encoded by whoever had the value, so
// that what happens to the value later does not matter.
type payload struct {
	encoding uint8  // frame.Encoded, Raw or Shared
	key      uint64 // of the gob definitions
	defs     []byte
	data     []byte  // empty when Shared
	mem      *memory // of a Shared payload
}

// encoder is how one side makes bytes of values.
type encoder struct {
	codec codec
	limit int       // for the bytes of one value
	kept  *memories // may be nil
}

// shareFrom is from how many bytes on a []byte crosses in shared memory, where
// there is any. Below, copying through the socket costs less than a mapping.
const shareFrom = 256 << 10

// box is what crosses for a value, because gob will not have a nil pointer alone.
type box[T any] struct{ V T }

// encode encodes v.
func encode[T any](e encoder, v T) (payload, error) {
	if raw, ok := any(&v).(*[]byte); ok { // the type of T, not of what an interface holds
		return e.raw(*raw)
	}
	if e.codec == jsonCodec {
		return e.json(v)
	}
	b := box[T]{v}
	return e.gob(reflect.ValueOf(&b).Elem())
}

// encodeAny encodes a value whose type the receiver has to know.
func encodeAny(e encoder, v any) (payload, error) {
	if raw, ok := v.([]byte); ok {
		return e.raw(raw)
	}
	if e.codec == jsonCodec {
		return e.json(v)
	}
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if !value.IsValid() || value.Kind() == reflect.Pointer {
		return payload{}, errors.New("nil cannot be encoded")
	}
	if err := encodable(value.Type()); err != nil {
		return payload{}, err
	}
	return e.gob(value)
}

func (e encoder) raw(raw []byte) (payload, error) {
	if err := fits(len(raw), e.limit); err != nil {
		return payload{}, err
	}
	if len(raw) >= shareFrom {
		if mem, err := newMemory(e.kept, raw); err == nil {
			return payload{encoding: frame.Shared, mem: mem}, nil
		} // else there is none to be had, and the socket will do
	}
	return payload{encoding: frame.Raw, data: bytes.Clone(raw)}, nil
}

func (e encoder) json(v any) (payload, error) {
	data, err := json.Marshal(v)
	if err == nil {
		err = fits(len(data), e.limit)
	}
	if err != nil {
		return payload{}, err
	}
	return payload{encoding: frame.Encoded, data: data}, nil
}

func (e encoder) gob(v reflect.Value) (payload, error) {
	key, defs, data, err := gobTypeOf(v.Type()).encode(v)
	if err == nil {
		err = fits(len(data), e.limit)
	}
	if err != nil {
		return payload{}, err
	}
	return payload{encoding: frame.Encoded, key: key, defs: defs, data: data}, nil
}

func fits(size, limit int) error {
	if size > limit {
		return fmt.Errorf("%w: %d bytes, at most %d may be sent", ErrTooLarge, size, limit)
	}
	return nil
}

// received is a value that came in. Its data is valid as long as the frame is.
type received struct {
	encoding uint8
	key      uint64
	data     []byte
	mem      *memory
}

// receive takes a frame's body apart, in the order in which frames come.
func receive(c codec, types *receivedTypes, f frame.Frame, mem *memory) (received, error) {
	r := received{encoding: f.Flags & frame.Encoding, data: f.Body, mem: mem}
	if r.encoding != frame.Encoded || c == jsonCodec {
		return r, nil
	}
	var err error
	r.key, r.data, err = types.note(f.Body)
	return r, err
}

// size is how many bytes r had on its way.
func (r received) size() int {
	if r.mem != nil {
		return r.mem.size
	}
	return len(r.data)
}

// keep makes r independent of the frame that it came in.
func (r received) keep() received {
	r.data = bytes.Clone(r.data)
	return r
}

// release frees what r holds besides bytes.
func (r received) release() {
	if r.mem != nil {
		r.mem.close()
	}
}

// raw returns the bytes of a value that crossed as it was.
func (r received) raw() ([]byte, error) {
	if r.encoding == frame.Shared {
		return r.mem.bytes()
	}
	b := make([]byte, len(r.data))
	copy(b, r.data)
	return b, nil
}

// decode decodes what encode has encoded.
func decode[T any](c codec, types *receivedTypes, r received) (T, error) {
	if r.encoding != frame.Encoded || c == jsonCodec {
		var v T
		return v, decodeInto(c, types, r, &v)
	}
	var b box[T]
	err := types.decode(r.key, r.data, &b)
	return b.V, err
}

// decodeInto decodes what encodeAny has encoded, and JSON, into what v points to.
func decodeInto(c codec, types *receivedTypes, r received, v any) error {
	if r.encoding != frame.Encoded {
		raw, err := r.raw()
		if err != nil {
			return err
		}
		to, ok := v.(*[]byte)
		if !ok {
			return fmt.Errorf("bytes came for a %v", reflect.TypeOf(v).Elem())
		}
		*to = raw
		return nil
	}
	if c == jsonCodec {
		return json.Unmarshal(r.data, v)
	}
	return types.decode(r.key, r.data, v)
}

// encodable says why values of type t cannot cross, if so. Encoders would leave
// out a function in a field, or find it only in the first job.
func encodable(t reflect.Type) error {
	return encodableAt(t, t.String(), map[reflect.Type]bool{})
}

func encodableAt(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if seen[t] || hasOwnEncoding(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return fmt.Errorf("%s is a %v, which cannot leave its process", path, t.Kind())
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return encodableAt(t.Elem(), path, seen)
	case reflect.Map:
		if err := encodableAt(t.Key(), path+"'s key", seen); err != nil {
			return err
		}
		return encodableAt(t.Elem(), path+"'s value", seen)
	case reflect.Struct:
		for f := range t.Fields() {
			if f.IsExported() {
				if err := encodableAt(f.Type, path+"."+f.Name, seen); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hasOwnEncoding reports whether t says itself how it is encoded.
func hasOwnEncoding(t reflect.Type) bool {
	for _, i := range ownEncodings {
		if t.Implements(i) || reflect.PointerTo(t).Implements(i) {
			return true
		}
	}
	return false
}

var ownEncodings = []reflect.Type{
	reflect.TypeFor[gob.GobEncoder](), reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[json.Marshaler](),
}

// release frees what p holds besides bytes.
func (p payload) release() {
	if p.mem != nil {
		p.mem.close()
	}
}
