package httpbridge

import (
	"bufio"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// pooledWriter is the response writer of a handler that may outlive its request.
// It has a header of its own, and everything else goes through enter, which
// refuses once the request is over.
type pooledWriter struct {
	// Immutable.
	w      http.ResponseWriter
	rc     http.ResponseController
	body   *requestBody // may be nil
	j      *pooledRequest
	header http.Header // the handler's, until it has ended

	mu     sync.Mutex // guards what follows; w is not written to under it
	now    writerState
	duplex bool          // the body may be read after the header was sent
	calls  int           // that are in w
	writes int           // those of them that may take long
	idle   chan struct{} // closed when there are none; nil unless seal waits for that
}

type writerState struct {
	begun   bool // the header was sent
	sealed  bool // the request is over
	refused bool // the handler did something since
}

func (w *pooledWriter) init(x *exchange, j *pooledRequest) {
	w.w, w.rc = x.w, *http.NewResponseController(x.w)
	w.body, w.j = x.body, j
	w.header = x.w.Header().Clone()
}

// Header returns the handler's header.
func (w *pooledWriter) Header() http.Header { return w.header }

// WriteHeader sends the header.
func (w *pooledWriter) WriteHeader(status int) {
	if w.enter(1) == nil {
		defer w.exit(1)
		w.writeHeader(status)
	}
}

// Write sends p, after the header. When the request is over it returns
// http.ErrHandlerTimeout.
func (w *pooledWriter) Write(p []byte) (int, error) {
	if err := w.enter(1); err != nil {
		return 0, err
	}
	defer w.exit(1)
	w.writeHeader(http.StatusOK)
	return w.w.Write(p)
}

// Flush is FlushError without the error, for those who look for http.Flusher.
func (w *pooledWriter) Flush() { _ = w.FlushError() }

// FlushError is for http.ResponseController.
func (w *pooledWriter) FlushError() error {
	if err := w.enter(1); err != nil {
		return err
	}
	defer w.exit(1)
	w.writeHeader(http.StatusOK)
	return w.rc.Flush()
}

// SetReadDeadline is for http.ResponseController.
func (w *pooledWriter) SetReadDeadline(t time.Time) error {
	return w.do(func() error { return w.rc.SetReadDeadline(t) })
}

// SetWriteDeadline is for http.ResponseController.
func (w *pooledWriter) SetWriteDeadline(t time.Time) error {
	return w.do(func() error { return w.rc.SetWriteDeadline(t) })
}

// EnableFullDuplex is for http.ResponseController.
func (w *pooledWriter) EnableFullDuplex() error {
	return w.do(func() error {
		err := w.rc.EnableFullDuplex()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.duplex = w.duplex || err == nil
		return err
	})
}

// Hijack gives the connection to the handler. It is no request any more then. It
// fails as long as the body of the request is still coming.
func (w *pooledWriter) Hijack() (conn net.Conn, brw *bufio.ReadWriter, err error) {
	err = w.do(func() error {
		if w.body != nil && !w.body.finish() {
			return errBodyComing
		}
		conn, brw, err = w.rc.Hijack()
		if err == nil {
			w.mark()
			w.j.lend()
		}
		return err
	})
	return conn, brw, err
}

var errBodyComing = errors.New("httpbridge: a connection cannot be hijacked while the body of its request is still coming")

// do makes a call that takes no time, unless the request is over.
func (w *pooledWriter) do(f func() error) error {
	if err := w.enter(0); err != nil {
		return err
	}
	defer w.exit(0)
	return f()
}

// enter lets a call into w that makes so many writes, unless the request is over;
// exit follows.
func (w *pooledWriter) enter(writes int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.sealed {
		w.now.refused = true
		return http.ErrHandlerTimeout
	}
	w.calls++
	w.writes += writes
	return nil
}

func (w *pooledWriter) exit(writes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes -= writes
	if w.calls--; w.calls == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// mark notes that the response has begun. It reports whether that is new, and
// whether the body may still be read.
func (w *pooledWriter) mark() (first, duplex bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first = !w.now.begun
	w.now.begun = true
	return first, w.duplex
}

// writeHeader sends the header, once. Informational ones do not count.
func (w *pooledWriter) writeHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		real := w.w.Header()
		before := real.Clone()
		w.copyHeader()
		w.w.WriteHeader(status)
		clear(real) // of the response itself nothing is sent yet
		maps.Copy(real, before)
		return
	}
	first, duplex := w.mark()
	if !first {
		return
	}
	if w.body != nil {
		w.body.settle(w.w, duplex) // the server looks at the body before it writes a header
	}
	w.copyHeader()
	w.w.WriteHeader(status)
}

func (w *pooledWriter) copyHeader() {
	real := w.w.Header()
	closing := real["Connection"]
	clear(real)
	for name, values := range w.header {
		real[name] = slices.Clone(values) // the handler may go on changing its own
	}
	if closing != nil && real["Connection"] == nil {
		real["Connection"] = closing // set by the requestBody
	}
}

func (w *pooledWriter) state() writerState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// seal refuses all calls from now on, and waits for those that are in w. It reports
// whether no write was among them, so that what was sent is what the handler meant
// to send so far.
func (w *pooledWriter) seal() (whole bool) {
	w.mu.Lock()
	w.now.sealed = true
	whole = w.writes == 0
	idle := make(chan struct{})
	if w.calls == 0 {
		close(idle)
	} else {
		w.idle = idle
	}
	w.mu.Unlock()
	if !whole {
		// To a client that reads nothing a write may take any time. The connection is
		// of no use after this.
		_ = w.rc.SetWriteDeadline(time.Unix(1, 0))
	}
	<-idle
	return whole
}

// finish takes over what a handler that has ended left in its header: all of it if
// it sent none, trailers else.
func (w *pooledWriter) finish() {
	if !w.state().begun {
		w.copyHeader()
		return
	}
	real := w.w.Header()
	for name, values := range w.header {
		if strings.HasPrefix(name, http.TrailerPrefix) || isTrailer(real, name) {
			real[name] = values
		}
	}
}

func isTrailer(h http.Header, name string) bool {
	for _, list := range h["Trailer"] {
		for part := range strings.SplitSeq(list, ",") {
			if http.CanonicalHeaderKey(strings.TrimSpace(part)) == name {
				return true
			}
		}
	}
	return false
}
