package httpbridge

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// UpstreamError is why a request of a [Client] gave nothing: the server could not
// be reached, was too slow or sent nonsense, or, where a success was needed, a
// status that is none.
//
// A [Handler] sends it as 502, 504 for what took too long, and 503 if it is the
// Client that has too much to do, and never with the status that the server sent:
// that an upstream does not find something says nothing of our own address. An
// [ErrorRule] that knows better comes first.
type UpstreamError struct {
	Method     string
	URL        string // without user, query and fragment, which may hold secrets
	Tries      int
	StatusCode int         // of the response; 0 if there was none
	Header     http.Header // of the response
	Body       []byte      // of the response, no more than its first 4 KiB
	Err        error       // what went wrong; nil if it is the status
}

const shownBody = 4 << 10

// Error says which request it was and what became of it.
func (e *UpstreamError) Error() string {
	s := fmt.Sprintf("httpbridge client: %s %s: ", e.Method, e.URL)
	switch {
	case e.Err != nil:
		s += e.Err.Error()
	default:
		s += fmt.Sprintf("%d %s", e.StatusCode, http.StatusText(e.StatusCode))
	}
	if e.Tries > 1 {
		s += fmt.Sprintf(" (tried %d times)", e.Tries)
	}
	return s
}

// Unwrap returns what went wrong.
func (e *UpstreamError) Unwrap() error { return e.Err }

// Timeout reports whether it took too long.
func (e *UpstreamError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// HTTPStatus is the status of a response that failed because of e.
func (e *UpstreamError) HTTPStatus() int {
	switch {
	case errors.Is(e.Err, ErrClientBusy):
		return http.StatusServiceUnavailable
	case e.Timeout():
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// RetryAfter is what a client is told to wait, if it is told so.
func (e *UpstreamError) RetryAfter() time.Duration {
	if errors.Is(e.Err, ErrClientBusy) {
		return time.Second
	}
	return 0
}

// fail makes an error of a response.
func (r *Response) fail(err error) error {
	return &UpstreamError{
		Method: r.method, URL: r.address, Tries: r.Tries,
		StatusCode: r.StatusCode, Header: r.Header, Body: r.Body[:min(len(r.Body), shownBody)], Err: err,
	}
}

func shownURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath, Opaque: u.Opaque}).String()
}

// withoutURL takes the *url.Error off err, which shows all of the address.
func withoutURL(err error) error {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // only the outermost is http.Client's
		return e.Err
	}
	return err
}
