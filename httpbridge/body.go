package httpbridge

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// requestBody is the body of a request whose handler waits for something else.
//
// A server of net/http notices that an HTTP/1 client has left only once the body
// was read to its end: until then a read of the connection is a read of the body.
// So while a handler waits, the rest of the body is read into memory, up to a
// limit, where whoever the body belongs to still finds it.
//
// A goroutine that is stuck in a read of the body would hold the response up,
// because net/http looks at the body before it writes a header. Such a read is
// ended by a deadline of the past, and the connection is closed after the
// response, since what is left of the body is still coming.
type requestBody struct {
	// Immutable.
	src     io.ReadCloser
	limit   int
	control *http.ResponseController

	turn chan struct{} // held, by putting something into it, by the one who reads src; reading blocks, so it is no mutex

	mu    sync.Mutex // guards what follows; src is not read under it
	ahead []byte     // read from src and not yet taken
	still bool       // nothing more is read ahead
	err   error      // how src ended; errBodyOver once the request is over
	over  bool       // the request is over, or will be as soon as src is not being read
}

var errBodyOver = fmt.Errorf("httpbridge: the request is over: %w", http.ErrBodyReadAfterClose)

// aheadChunk is how much is read at once.
const aheadChunk = 16 << 10

// watchBody returns r's body in a form that can be read ahead, or nil when that is
// not needed or a read could not be ended.
func watchBody(w http.ResponseWriter, r *http.Request, limit int) *requestBody {
	if r.Body == nil || r.Body == http.NoBody || r.ProtoMajor > 1 || limit < 0 || !hasReadDeadline(w) {
		return nil
	}
	return &requestBody{src: r.Body, limit: limit, control: http.NewResponseController(w), turn: make(chan struct{}, 1)}
}

// hasReadDeadline looks for what ResponseController will look for. There is no
// deadline to try it with that would not replace the server's own.
func hasReadDeadline(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case interface{ SetReadDeadline(time.Time) error }:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

// Read takes what was read ahead, and reads on where that ends.
func (b *requestBody) Read(p []byte) (n int, err error) {
	if n, err = b.take(p); n > 0 || err != nil {
		return n, err
	}
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	if n, err = b.take(p); n > 0 || err != nil { // it came while this waited for its turn
		return n, err
	}
	n, err = b.src.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noteLocked(err)
	return n, b.err
}

// noteLocked notes how a read of src ended.
func (b *requestBody) noteLocked(err error) {
	if err != nil && b.over { // our doing, and no timeout of anything that a reader knows of
		err = errBodyOver
	}
	b.err = err
}

// take copies what is there. It returns neither bytes nor an error when it is for
// the caller to read src.
func (b *requestBody) take(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ahead) == 0 {
		return 0, b.err
	}
	n = copy(p, b.ahead)
	if b.ahead = b.ahead[n:]; len(b.ahead) == 0 {
		b.ahead = nil
	}
	return n, nil
}

// Close does nothing: the server closes the body when the handler returns.
func (b *requestBody) Close() error { return nil }

// watch starts reading ahead. The goroutine ends with the body, at the limit or
// with release.
func (b *requestBody) watch() {
	go func() {
		for b.readAhead() {
		}
	}()
}

// readAhead reads one chunk; it reports whether to go on.
func (b *requestBody) readAhead() bool {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	room := b.room()
	if room <= 0 {
		return false
	}
	chunk := make([]byte, room)
	n, err := b.src.Read(chunk)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ahead = append(b.ahead, chunk[:n]...)
	b.noteLocked(err)
	return err == nil
}

// room is how much may be read ahead now; 0 when src has ended.
func (b *requestBody) room() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || b.still {
		return 0
	}
	return min(b.limit-len(b.ahead), aheadChunk)
}

// settle ends reading ahead, so that a header can be written by a handler that may
// go on to read what it can. Only if a read is going on does it end all reading.
func (b *requestBody) settle(w http.ResponseWriter) {
	select {
	case b.turn <- struct{}{}:
	default:
		b.release(w)
		return
	}
	defer func() { <-b.turn }()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.still = true
}

// release ends all reading, now and later, so that the response can be written.
func (b *requestBody) release(w http.ResponseWriter) {
	if !b.takeTurn() {
		w.Header().Set("Connection", "close")
		b.mu.Lock()
		b.over = true
		b.mu.Unlock()
		if b.control.SetReadDeadline(time.Unix(1, 0)) != nil {
			return // there is no connection any more
		}
		b.turn <- struct{}{} // that read has ended, or is about to
	}
	defer func() { <-b.turn }()
	b.mu.Lock()
	defer b.mu.Unlock()
	// Not io.EOF either: what was read ahead is gone, and whoever comes now must
	// not take that for the end of the body.
	b.ahead, b.err = nil, errBodyOver
}

// grace is what a read gets to come to an end by itself: that of a body which is
// there already takes no time, and the connection can be used again.
const grace = time.Millisecond

// takeTurn takes the turn unless that takes too long.
func (b *requestBody) takeTurn() bool {
	select {
	case b.turn <- struct{}{}:
		return true
	default:
	}
	if b.room() == 0 { // whoever has it does not read src
		b.turn <- struct{}{}
		return true
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case b.turn <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}
