package httpbridge

import "net/http"

// fields sets fields of a header to one value each. Their values are slices of one,
// which is one allocation in place of one each, and belong to this header alone, so
// that whoever wraps the handler may change them.
type fields struct {
	h      http.Header
	values []string // with room for all that will be set; with less it still works
}

// set sets a field, by its canonical name.
func (f *fields) set(name, value string) {
	f.values = append(f.values, value)
	n := len(f.values)
	f.h[name] = f.values[n-1 : n : n]
}
