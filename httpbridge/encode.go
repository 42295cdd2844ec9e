package httpbridge

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/trestle-go/trestle/eventual"
)

// Encoder writes values as one media type.
type Encoder struct {
	// ContentType is what is sent: "text/csv; charset=utf-8". Its type and subtype
	// are compared with what a client accepts.
	ContentType string
	// Encode writes v to w, which is memory: nothing has been sent yet, so an
	// error is still a clean 500. r is the request that gets the response.
	Encode func(w io.Writer, r *http.Request, v any) error
}

// JSON encodes any value as application/json, without escaping HTML in strings.
// It is what is sent when nothing is configured.
var JSON = Encoder{"application/json", encodeJSON}

// Text encodes as text/plain: the text of an encoding.TextMarshaler, bytes as they
// are, and everything else as fmt.Print shows it.
var Text = Encoder{"text/plain; charset=utf-8", encodeText}

// Template is what [HTML] executes: a template of html/template.
type Template interface {
	Execute(w io.Writer, data any) error
}

// HTML encodes as text/html by executing t with the value.
func HTML(t Template) Encoder {
	return Encoder{"text/html; charset=utf-8", func(w io.Writer, _ *http.Request, v any) error { return t.Execute(w, v) }}
}

// buffer is where a response is encoded, and the JSON encoder that writes there.
type buffer struct {
	bytes.Buffer
	json *json.Encoder
}

// keptBuffer is the largest that goes back to the pool: one huge response must
// not be paid for from then on.
const keptBuffer = 64 << 10

var buffers = sync.Pool{New: func() any {
	b := new(buffer)
	b.json = json.NewEncoder(b)
	b.json.SetEscapeHTML(false)
	return b
}}

func (b *buffer) free() {
	if b.Cap() <= keptBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

func encodeJSON(w io.Writer, _ *http.Request, v any) error {
	if b, ok := w.(*buffer); ok {
		return b.json.Encode(v)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func encodeText(w io.Writer, _ *http.Request, v any) (err error) {
	switch v := v.(type) {
	case encoding.TextMarshaler:
		var text []byte
		if text, err = v.MarshalText(); err == nil {
			_, err = w.Write(text)
		}
	case []byte:
		_, err = w.Write(v)
	default:
		_, err = fmt.Fprint(w, v)
	}
	return err
}

// encode returns a buffer with v in it, to be freed by the caller. A panic of the
// encoder becomes an error.
func (e *Encoder) encode(r *http.Request, v any) (b *buffer, err error) {
	b = buffers.Get().(*buffer)
	defer func() {
		if p := recover(); p != nil {
			err = eventual.Recovered(p)
		}
		if err != nil { // b may be in any state
			b, err = nil, fmt.Errorf("httpbridge: encoding %T as %s: %w", v, e.ContentType, err)
		}
	}()
	return b, e.Encode(b, r, v)
}
