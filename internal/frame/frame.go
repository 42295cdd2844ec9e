// Package frame is how messages stand one after the other on a byte stream
// between a process pool and its workers: a header of fixed size, then a payload
// whose length the header says. docs/worker-protocol.md is the specification.
package frame

import (
	"encoding/binary"
	"fmt"
	"io"
)

// HeaderSize is how many bytes precede each payload.
const HeaderSize = 16

// Type says what a frame is.
type Type uint8

// The types of frames, with who sends them.
const (
	Hello    Type = 1 + iota // worker: who it is
	Welcome                  // pool: accepted, and how to go on
	Ready                    // worker: serves from now on, or says why not
	Job                      // pool: run a function
	Result                   // worker: what the function returned
	Failure                  // worker: why it did not
	Progress                 // worker: something about the job that runs
	Call                     // worker: run a function of the pool's process
	Reply                    // pool: what that function returned
	Refusal                  // pool: why it did not
	Cancel                   // pool: the job is to stop
	Recall                   // pool: give the job back if it has not begun
	Returned                 // worker: the job has not begun and never will
	Retire                   // pool: finish what you have and exit
	types                    // one more than the last
)

var names = [types]string{
	Hello: "hello", Welcome: "welcome", Ready: "ready", Job: "job", Result: "result", Failure: "failure", Progress: "progress",
	Call: "call", Reply: "reply", Refusal: "refusal", Cancel: "cancel", Recall: "recall", Returned: "returned", Retire: "retire",
}

func (t Type) String() string {
	if t > 0 && t < types {
		return names[t]
	}
	return fmt.Sprintf("frame type %d", uint8(t))
}

// The flags of a frame. The lowest two bits say how its body is encoded.
const (
	Encoded uint8 = 0 // with the codec that was agreed on
	Raw     uint8 = 1 // as it is
	Shared  uint8 = 2 // as it is, in the memory behind the descriptor that comes with the frame; the body is its length in 8 bytes

	Encoding uint8 = 3 // the mask of the three above
	Deadline uint8 = 4 // of a Cancel: because the job's time is up
	known    uint8 = Encoding | Deadline
)

// Frame is one message. Its payload is the name, if there is one, and the body.
type Frame struct {
	Type  Type
	Flags uint8
	ID    uint64 // of the job or the call that it is about; 0 if about none
	Name  []byte // of a function
	Body  []byte
}

// Size is how many bytes f has on the stream.
func (f Frame) Size() int { return HeaderSize + len(f.Name) + len(f.Body) }

// MaxName is how long a name may be.
const MaxName = 1<<16 - 1

// Append appends the header and the name of a frame whose body of size bytes is to
// follow.
func Append(b []byte, t Type, flags uint8, id uint64, name string, size int) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(name)+size))
	b = append(b, byte(t), flags)
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	b = binary.BigEndian.AppendUint64(b, id)
	return append(b, name...)
}

// Error says that bytes are no frame. What comes after them cannot be understood.
type Error struct{ reason string }

func (e *Error) Error() string { return "not a frame: " + e.reason }

// parseHeader reads the header in b, which holds HeaderSize bytes. size is the
// length of the payload, of which name bytes are the name.
func parseHeader(b []byte, limit int) (f Frame, size, name int, err error) {
	f.Type, f.Flags = Type(b[4]), b[5]
	f.ID = binary.BigEndian.Uint64(b[8:])
	length := binary.BigEndian.Uint32(b)
	name = int(binary.BigEndian.Uint16(b[6:]))
	switch {
	case f.Type == 0 || f.Type >= types:
		err = &Error{f.Type.String()}
	case f.Flags&^known != 0 || f.Flags&Encoding == Encoding:
		err = &Error{fmt.Sprintf("%v with flags %#x", f.Type, f.Flags)}
	case uint64(length) > uint64(limit):
		err = &Error{fmt.Sprintf("%v of %d bytes, at most %d are allowed", f.Type, length, limit)}
	case name > int(length):
		err = &Error{fmt.Sprintf("%v of %d bytes with a name of %d", f.Type, length, name)}
	}
	return f, int(length), name, err
}

// Parse takes the one frame that is in b, and which refers to it.
func Parse(b []byte) (Frame, error) {
	if len(b) < HeaderSize {
		return Frame{}, io.ErrUnexpectedEOF
	}
	f, size, name, err := parseHeader(b, len(b)-HeaderSize)
	if err == nil && size != len(b)-HeaderSize {
		err = &Error{fmt.Sprintf("%v of %d bytes in %d", f.Type, size, len(b)-HeaderSize)}
	}
	if err != nil {
		return Frame{}, err
	}
	f.payload(b[HeaderSize:], name)
	return f, nil
}

func (f *Frame) payload(b []byte, name int) { f.Name, f.Body = b[:name:name], b[name:] }

// Reader takes frames from a stream. It reads ahead, as much as there is. It is
// for one goroutine at a time.
type Reader struct {
	read  func([]byte) (int, error)
	limit int // of a payload
	buf   []byte
	r, w  int // what is in buf and not taken: buf[r:w]
}

// Buffer is what a Reader holds when no frame is larger.
const Buffer = 64 << 10

// growth is how much a Reader believes a header before it has seen what it
// announces: a few bytes of garbage are not to cost a lot of memory.
const growth = 1 << 20

// NewReader returns a Reader of frames whose payload has no more than limit bytes.
func NewReader(read func([]byte) (int, error), limit int) *Reader {
	return &Reader{read: read, limit: limit, buf: make([]byte, Buffer)}
}

// SetLimit changes the limit of a payload.
func (r *Reader) SetLimit(limit int) { r.limit = limit }

// Buffered reports whether Next has a frame without reading.
func (r *Reader) Buffered() bool {
	if r.w-r.r < HeaderSize {
		return false
	}
	_, size, _, err := parseHeader(r.buf[r.r:], r.limit)
	return err != nil || r.w-r.r >= HeaderSize+size
}

// Next returns the next frame, which is valid until the call after. The error is
// io.EOF at the end of the stream between two frames, io.ErrUnexpectedEOF within
// one, an [*Error], or that of the stream.
func (r *Reader) Next() (Frame, error) {
	if r.r == r.w {
		r.r, r.w = 0, 0
		if len(r.buf) > 4*Buffer {
			r.buf = make([]byte, Buffer) // one large frame is not a reason to keep its room
		}
	}
	if err := r.fill(HeaderSize); err != nil {
		return Frame{}, err
	}
	f, size, name, err := parseHeader(r.buf[r.r:], r.limit)
	if err != nil {
		return Frame{}, err
	}
	if err := r.fill(HeaderSize + size); err != nil {
		return Frame{}, err
	}
	payload := r.buf[r.r+HeaderSize : r.r+HeaderSize+size : r.r+HeaderSize+size]
	f.payload(payload, name)
	r.r += HeaderSize + size
	return f, nil
}

// fill reads until n bytes are there.
func (r *Reader) fill(n int) error {
	for r.w-r.r < n {
		if r.r > 0 && r.r+n > len(r.buf) {
			r.w = copy(r.buf, r.buf[r.r:r.w])
			r.r = 0
		}
		if r.w == len(r.buf) {
			next := make([]byte, min(n, max(2*len(r.buf), growth)))
			r.w = copy(next, r.buf[r.r:r.w])
			r.buf, r.r = next, 0
		}
		got, err := r.read(r.buf[r.w:])
		r.w += got
		if err != nil && r.w-r.r < n { // else the next read will say it again
			if err == io.EOF && r.w > r.r { //nolint:errorlint // as io.ReadFull has it
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}
