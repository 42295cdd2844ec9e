package httpbridge

import (
	"mime"
	"net/http"
	"strings"
)

// encoders are those that a response may be written by, the preferred one first.
type encoders []encoderType

type encoderType struct {
	Encoder
	kind, subtype string
}

// newEncoders checks es; with none it is JSON.
func newEncoders(es []Encoder) (encoders, error) {
	if len(es) == 0 {
		es = []Encoder{JSON}
	}
	all := make(encoders, len(es))
	for i, e := range es {
		media, _, err := mime.ParseMediaType(e.ContentType)
		kind, subtype, ok := strings.Cut(media, "/")
		if err != nil || !ok {
			return nil, configError("Encoders[%d]: ContentType %q is no media type", i, e.ContentType)
		}
		if e.Encode == nil {
			return nil, configError("Encoders[%d]: no Encode for %s", i, e.ContentType)
		}
		all[i] = encoderType{e, kind, subtype}
	}
	return all, nil
}

// notAcceptable is the problem of a client that excludes all of es.
func (es encoders) notAcceptable() error {
	available := make([]string, len(es))
	for i := range es {
		available[i] = es[i].ContentType
	}
	return notAcceptableError{&Problem{
		Status: http.StatusNotAcceptable, Detail: "Nothing of what you accept can be sent.",
		Extensions: map[string]any{"available": available},
	}}
}

type notAcceptableError struct{ *Problem }

func (e notAcceptableError) Unwrap() error      { return e.Problem }
func (notAcceptableError) Is(target error) bool { return target == ErrNotAcceptable }

// choose returns the encoder that a client with these Accept headers likes best,
// the earlier one of equals, or nil if it excludes all of them (RFC 9110, 12.5.1).
// Parameters of media types other than q are not told apart: a client that asks
// for "application/json; charset=utf-8" gets JSON.
func (es encoders) choose(accept []string) *Encoder {
	if len(accept) == 0 || len(accept) == 1 && (accept[0] == "*/*" || accept[0] == "") {
		return &es[0].Encoder
	}
	var few [4]match
	matches := few[:]
	if len(es) > len(few) {
		matches = make([]match, len(es))
	}
	sensible := false
	for item := range items(accept) {
		r, ok := parseMediaRange(item)
		if !ok {
			continue
		}
		sensible = true
		for i := range es {
			matches[i].consider(r, &es[i])
		}
	}
	if !sensible {
		return &es[0].Encoder
	}
	var best *Encoder
	bestQ := 0
	for i := range es {
		if q := matches[i].q; q > bestQ {
			best, bestQ = &es[i].Encoder, q
		}
	}
	return best
}

// match is the most specific range that an encoder's type is in; none at first.
type match struct{ specific, q int }

func (m *match) consider(r mediaRange, e *encoderType) {
	s := 0
	switch {
	case r.kind == "*":
		s = 1
	case !strings.EqualFold(r.kind, e.kind):
	case r.subtype == "*":
		s = 2
	case strings.EqualFold(r.subtype, e.subtype):
		s = 3
	}
	if s > m.specific || s > 0 && s == m.specific && r.q > m.q {
		m.specific, m.q = s, r.q
	}
}

// mediaRange is an item of an Accept header. q is in thousandths.
type mediaRange struct {
	kind, subtype string
	q             int
}

func parseMediaRange(item string) (r mediaRange, ok bool) {
	media, params := cutItem(item, ';')
	r.kind, r.subtype, ok = strings.Cut(strings.Trim(media, blanks), "/")
	if !ok || r.kind == "" || r.subtype == "" || r.kind == "*" && r.subtype != "*" {
		return r, false
	}
	r.q = 1000
	for params != "" {
		var param string
		param, params = cutItem(params, ';')
		if name, value := cutParam(param); strings.EqualFold(name, "q") {
			if q, ok := parseQ(value); ok {
				r.q = q
			}
			break // what follows belongs to the range no more
		}
	}
	return r, true
}

// parseQ reads a weight of at most three decimals, as thousandths.
func parseQ(s string) (q int, ok bool) {
	whole, decimals, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(decimals) > 3 {
		return 0, false
	}
	for i := range 3 {
		d := byte('0')
		if i < len(decimals) {
			d = decimals[i]
		}
		if d < '0' || d > '9' {
			return 0, false
		}
		q = q*10 + int(d-'0')
	}
	if whole == "1" {
		if q > 0 {
			return 0, false
		}
		return 1000, true
	}
	return q, true
}
