package httpbridge

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// appendEvent appends a server-sent event, of the HTML standard, without the id
// and the blank line that end it: those are appended by endEvent, when the id is
// known. The fields come in this order because an id may stand anywhere.
//
// A name that could begin a field of its own is refused. Data may be anything:
// each of its lines, whichever way it ends, becomes a field.
func appendEvent(b []byte, name string, data []byte) ([]byte, error) {
	if strings.ContainsAny(name, "\r\n\x00") {
		return b, fmt.Errorf("httpbridge: event name %q has a line break or NUL in it", name)
	}
	if name != "" {
		b = append(append(append(b, "event: "...), name...), '\n')
	}
	for {
		line, rest, more := cutLine(data)
		b = append(append(append(b, "data: "...), line...), '\n')
		if !more {
			return b, nil
		}
		data = rest
	}
}

// cutLine cuts data after its first line, which CR LF, LF or CR ends.
func cutLine(data []byte) (line, rest []byte, more bool) {
	i := bytes.IndexAny(data, "\r\n")
	if i < 0 {
		return data, nil, false
	}
	line, rest = data[:i], data[i+1:]
	if data[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return line, rest, true
}

// endEvent ends an event, giving it an id.
func endEvent(b []byte, id eventID) []byte {
	b = append(b, "id: "...)
	b = id.append(b)
	return append(b, "\n\n"...)
}

// eventIDSpace is more than endEvent ever appends.
const eventIDSpace = len("id: ") + maxEpoch + len("-") + 20 + len("\n\n")

// eventID says which of a stream's events it is. A stream that begins anew, in a
// program that was started again, has another epoch, so that its ids are not
// taken for those of before.
type eventID struct {
	epoch string
	n     uint64 // grows by one with each event; the first is 1
}

func (id eventID) append(b []byte) []byte {
	return strconv.AppendUint(append(append(b, id.epoch...), '-'), id.n, 10)
}

func (id eventID) String() string { return string(id.append(nil)) }

// maxEpoch is the length of the longest epoch that is believed.
const maxEpoch = 32

// parseEventID reads what a client sent as the last id that it has seen.
func parseEventID(s string) (id eventID, ok bool) {
	epoch, n, found := strings.Cut(s, "-")
	if !found || epoch == "" || len(epoch) > maxEpoch || len(n) > 20 {
		return eventID{}, false
	}
	for _, c := range []byte(epoch + n) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return eventID{}, false
		}
	}
	v, err := strconv.ParseUint(n, 10, 64)
	return eventID{epoch, v}, err == nil
}

// lastEventID is the id that r says was the last: in the header that browsers
// send when they reconnect by themselves, or in the query parameter lastEventId,
// for pages that close their stream and open it again, which has no header.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("lastEventId")
}

// eventWriter writes a stream of events to one client. It belongs to the goroutine
// that serves the request, except for interrupt.
type eventWriter struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration // for each write

	mu      sync.Mutex // guards what follows; nothing but setting a deadline happens under it
	writing bool
	ended   error // why nothing may be written any more, nor a deadline set
}

var errNoFlush = errors.New("the response writer cannot flush: what wraps it hides http.Flusher and has no Unwrap method")

// openEvents sends the header of a stream at once. After errNoFlush nothing has
// been written. The caller calls close before its handler returns.
func openEvents(w http.ResponseWriter, timeout time.Duration) (*eventWriter, error) {
	e := &eventWriter{w: w, rc: http.NewResponseController(w), timeout: timeout}
	// The server's ReadTimeout is for requests. What reads here is what notices
	// that the client has gone; running out of time it would think so.
	if err := supported(e.rc.SetReadDeadline(time.Time{})); err != nil {
		return nil, err
	}
	h := w.Header()
	fields := map[string]string{
		"Content-Type":           "text/event-stream",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
		"X-Accel-Buffering":      "no", // nginx passes on what it gets, at once
	}
	for name, value := range fields {
		h.Set(name, value)
	}
	h.Del("Content-Length")
	err := e.send()
	if errors.Is(err, http.ErrNotSupported) {
		for name := range fields {
			h.Del(name)
		}
		err = errNoFlush
	}
	return e, err
}

// send writes events that are complete, each with a deadline of its own, and
// flushes after the last.
func (e *eventWriter) send(events ...[]byte) error {
	defer e.idle()
	if len(events) == 0 {
		if err := e.arm(); err != nil {
			return err
		}
	}
	for _, b := range events {
		if err := e.arm(); err != nil {
			return err
		}
		if _, err := e.w.Write(b); err != nil {
			return e.why(err)
		}
	}
	return e.why(e.rc.Flush())
}

// arm gives the next write its time, whatever Server.WriteTimeout says of the
// whole response.
func (e *eventWriter) arm() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended != nil {
		return e.ended
	}
	e.writing = true
	return supported(e.rc.SetWriteDeadline(time.Now().Add(e.timeout)))
}

// idle takes the deadline back: over HTTP/2 it would end a stream that is only silent.
func (e *eventWriter) idle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writing = false
	if e.ended == nil {
		_ = e.rc.SetWriteDeadline(time.Time{})
	}
}

// interrupt ends the stream because of cause, also if a write is in progress, to a
// client that reads nothing. Any goroutine may call it, at any time.
func (e *eventWriter) interrupt(cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended != nil {
		return
	}
	e.ended = cause
	if e.writing { // to one who reads it will end in time, and the response as it should
		_ = e.rc.SetWriteDeadline(time.Now().Add(min(e.timeout, interruptGrace)))
	}
}

// interruptGrace is what is left to a write that is in progress: little, for a
// server that shuts down waits for it.
const interruptGrace = 500 * time.Millisecond

// close has interrupt do nothing from now on: the connection is the server's, which
// has some time left to end the response.
func (e *eventWriter) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	left := e.timeout
	if e.ended != nil {
		left = min(left, interruptGrace)
	}
	e.writing, e.ended = false, http.ErrHandlerTimeout
	_ = e.rc.SetWriteDeadline(time.Now().Add(left))
}

// why is the cause of an interrupt rather than the error that it made.
func (e *eventWriter) why(err error) error {
	if err == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended != nil {
		return e.ended
	}
	return err
}

// supported forgives a response writer that knows no deadlines, such as a test's
// recorder, which never blocks.
func supported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// heartbeat is a comment: no event, but a sign of life, which tells proxies that
// the stream is not idle and this side when the client is gone.
var heartbeat = []byte(":\n\n")
