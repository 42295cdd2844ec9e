package procpool

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// A gob stream defines a type before its first value, which makes a lone message
// slow: most of the time goes into definitions. So the two are taken apart here.
// An encoder that has sent its definitions once writes only values from then on,
// and these do not depend on what it wrote before: a value can be encoded by any
// such encoder, before it is known which worker will get it, and the definitions
// are sent to each worker once.

// gobType is how values of one type become bytes.
type gobType struct {
	runsCode bool   // of the user's types, or of some that are not known, to decode values
	key      uint64 // names the definitions on the wire, above plainKey; 0: values carry their own
	encoders sync.Pool
	defs     atomic.Pointer[[]byte] // set by the first encoder
}

type gobEncoder struct {
	buf    bytes.Buffer
	enc    *gob.Encoder
	primed bool // the definitions were written
}

var (
	gobTypes   sync.Map // of reflect.Type to *gobType
	gobTypeKey atomic.Uint64
)

func gobTypeOf(t reflect.Type) *gobType {
	if g, ok := gobTypes.Load(t); ok {
		return g.(*gobType)
	}
	g := new(gobType)
	dynamic, own := false, false
	visit(t, map[reflect.Type]bool{}, func(t reflect.Type) (deeper bool) {
		own = own || hasOwnEncoding(t)
		dynamic = dynamic || t.Kind() == reflect.Interface && !hasOwnEncoding(t)
		return !hasOwnEncoding(t)
	})
	g.runsCode = own || dynamic
	// What an interface holds is defined when it is met, so such values are
	// messages of their own.
	if !dynamic {
		g.key = plainKey + gobTypeKey.Add(1)
	}
	actual, _ := gobTypes.LoadOrStore(t, g)
	return actual.(*gobType)
}

// visit calls fn with t, and with the types of what is in it if fn says so.
func visit(t reflect.Type, seen map[reflect.Type]bool, fn func(reflect.Type) (deeper bool)) {
	if seen[t] {
		return
	}
	seen[t] = true
	if !fn(t) {
		return
	}
	switch t.Kind() {
	case reflect.Map:
		visit(t.Key(), seen, fn)
		visit(t.Elem(), seen, fn)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		visit(t.Elem(), seen, fn)
	case reflect.Struct:
		for f := range t.Fields() {
			if f.IsExported() {
				visit(f.Type, seen, fn)
			}
		}
	}
}

// encode returns v as a message without definitions, and these, unless the message
// needs none.
func (g *gobType) encode(v reflect.Value) (key uint64, defs, data []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // gob panics for some, and a user's GobEncode may
			err = fmt.Errorf("encoding: %v", r)
		}
	}()
	e, _ := g.encoders.Get().(*gobEncoder)
	if e == nil {
		e = new(gobEncoder)
		e.enc = gob.NewEncoder(&e.buf)
	}
	if err := e.enc.EncodeValue(v); err != nil {
		return 0, nil, nil, err // e is not used again: it fails for ever
	}
	out := bytes.Clone(e.buf.Bytes())
	if g.key == 0 {
		return 0, nil, out, nil
	}
	n := 0
	if !e.primed {
		if n, err = definitions(out); err != nil {
			return 0, nil, nil, err
		}
		first := out[:n:n]
		g.defs.CompareAndSwap(nil, &first)
		e.primed = true
	}
	if e.buf.Cap() <= 1<<16 {
		e.buf.Reset()
		g.encoders.Put(e)
	}
	return g.key, *g.defs.Load(), out[n:], nil
}

// definitions returns how many of the bytes of a gob stream are messages that
// define types.
func definitions(stream []byte) (int, error) {
	at := 0
	for {
		size, n, ok := gobUint(stream[at:])
		if !ok || uint64(len(stream)-at-n) < size {
			return 0, errGob
		}
		id, _, ok := gobUint(stream[at+n:])
		if !ok {
			return 0, errGob
		}
		if id&1 == 0 { // the sign of the id is its lowest bit: this is a value
			return at, nil
		}
		at += n + int(size)
	}
}

var errGob = errors.New("not a gob stream")

// gobUint reads an unsigned integer as encoding/gob writes it: itself below 128,
// else the negated number of bytes that follow, the highest first.
func gobUint(b []byte) (v uint64, n int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	if b[0] < 0x80 {
		return uint64(b[0]), 1, true
	}
	n = -int(int8(b[0]))
	if n > 8 || len(b) < 1+n {
		return 0, 0, false
	}
	for _, c := range b[1 : 1+n] {
		v = v<<8 | uint64(c)
	}
	return v, 1 + n, true
}

// sentTypes is what one side of a connection has defined to the other.
type sentTypes map[uint64]bool

// prefix appends what stands before a gob message: the key, and the definitions if
// the other side has not got them.
func (s sentTypes) prefix(b []byte, key uint64, defs []byte) []byte {
	b = binary.AppendUvarint(b, key)
	if key <= plainKey {
		return b
	}
	if s[key] {
		return append(b, 0)
	}
	s[key] = true
	b = binary.AppendUvarint(b, uint64(len(defs)))
	return append(b, defs...)
}

// receivedTypes is what one side of a connection has been told by the other.
type receivedTypes struct {
	mu   sync.Mutex // guards what follows; nothing is decoded under it
	defs map[uint64][]byte
	free map[uint64][]*gobDecoder
}

type gobDecoder struct {
	src bytes.Reader
	dec *gob.Decoder
}

// note takes the prefix off a message, in the order in which messages came.
func (r *receivedTypes) note(body []byte) (key uint64, data []byte, err error) {
	key, n := binary.Uvarint(body)
	if n <= 0 {
		return 0, nil, errGob
	}
	body = body[n:]
	if key <= plainKey {
		return key, body, nil
	}
	size, n := binary.Uvarint(body)
	if n <= 0 || size > uint64(len(body)-n) {
		return 0, nil, errGob
	}
	body = body[n:]
	if size > 0 {
		r.mu.Lock()
		if r.defs == nil {
			r.defs = make(map[uint64][]byte)
		}
		r.defs[key] = bytes.Clone(body[:size])
		r.mu.Unlock()
	}
	return key, body[size:], nil
}

// take returns a decoder for messages under key, and what it must read before the
// first.
func (r *receivedTypes) take(key uint64) (d *gobDecoder, defs []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if free := r.free[key]; len(free) > 0 {
		d = free[len(free)-1]
		r.free[key] = free[:len(free)-1]
		return d, nil
	}
	d = new(gobDecoder)
	d.dec = gob.NewDecoder(&d.src)
	return d, r.defs[key]
}

func (r *receivedTypes) giveBack(key uint64, d *gobDecoder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free == nil {
		r.free = make(map[uint64][]*gobDecoder)
	}
	r.free[key] = append(r.free[key], d)
}

// decode decodes a message into what v points to.
func (r *receivedTypes) decode(key uint64, data []byte, v any) (err error) {
	defer func() {
		if p := recover(); p != nil { // of a user's GobDecode
			err = fmt.Errorf("decoding: %v", p)
		}
	}()
	switch key {
	case 0:
		return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
	case plainKey:
		return errPlain // both sides would have to know the type
	}
	d, defs := r.take(key)
	if defs != nil {
		data = append(slices.Clip(defs), data...)
	}
	d.src.Reset(data)
	if err := d.dec.Decode(v); err != nil {
		return err
	}
	d.src.Reset(nil)
	r.giveBack(key, d)
	return nil
}
