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
// What is left of a body would hold the response up, because net/http reads it to
// its end before it writes a header, and waits for whoever is reading it. So if the
// body does not end within a moment, reading is ended by a deadline of the past, and
// the connection is closed after the response, since the rest is still coming.
type requestBody struct {
	// Immutable.
	src       io.ReadCloser
	readAhead int // bytes; none unless above 0
	control   *http.ResponseController

	turn chan struct{} // held, by putting something into it, by the one who reads src; reading blocks, so it is no mutex
	end  chan struct{} // closed when src has ended

	mu       sync.Mutex // guards what follows; src is not read under it
	ahead    []byte     // read from src and not yet taken
	limit    int        // of ahead
	watching bool       // there is a goroutine that reads ahead
	err      error      // how src ended; errBodyOver once the request is over
	over     bool       // the request is over, or will be as soon as src is not being read
}

var errBodyOver = fmt.Errorf("httpbridge: the request is over: %w", http.ErrBodyReadAfterClose)

const (
	aheadChunk = 16 << 10  // how much is read at once
	linger     = 256 << 10 // how much is read of a body that nobody wants, to keep the connection: as much as net/http would
)

// watchBody returns r's body in a form that can be read ahead and whose reads can be
// ended, or nil when that is not needed or not possible.
func watchBody(w http.ResponseWriter, r *http.Request, readAhead int) *requestBody {
	if r.Body == nil || r.Body == http.NoBody || r.ProtoMajor > 1 || !hasReadDeadline(w) {
		return nil
	}
	return &requestBody{
		src: r.Body, readAhead: readAhead, control: http.NewResponseController(w),
		turn: make(chan struct{}, 1), end: make(chan struct{}),
	}
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

// noteLocked notes how a read of src ended. Src is not read again after an error.
func (b *requestBody) noteLocked(err error) {
	if err == nil {
		return
	}
	if b.over { // our doing, and no timeout of anything that a reader knows of
		err = errBodyOver
	}
	b.err = err
	close(b.end)
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

// watch starts reading ahead.
func (b *requestBody) watch() { b.readUpTo(b.readAhead) }

// readUpTo has so much read ahead. The goroutine ends with the body, at the limit or
// with release.
func (b *requestBody) readUpTo(limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = max(b.limit, limit)
	if b.watching || b.roomLocked() == 0 {
		return
	}
	b.watching = true
	go func() {
		for b.readChunk() {
		}
	}()
}

// readChunk reads one chunk ahead; it reports whether to go on.
func (b *requestBody) readChunk() bool {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	b.mu.Lock()
	room := b.roomLocked()
	b.watching = room > 0
	b.mu.Unlock()
	if room == 0 {
		return false
	}
	chunk := make([]byte, room)
	n, err := b.src.Read(chunk)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ahead = append(b.ahead, chunk[:n]...)
	b.noteLocked(err)
	return true
}

// roomLocked is how much may be read ahead now; 0 when src has ended.
func (b *requestBody) roomLocked() int {
	if b.err != nil {
		return 0
	}
	return max(min(b.limit-len(b.ahead), aheadChunk), 0)
}

// grace is what a body gets to come to its end: one that is there already takes no
// time, and the connection can be used again.
const grace = time.Millisecond

// finish reads on for a moment, and reports whether src has ended.
func (b *requestBody) finish() bool {
	if b.hasEnded() {
		return true
	}
	b.readUpTo(linger)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-b.end:
	case <-timer.C:
	}
	return b.hasEnded()
}

func (b *requestBody) hasEnded() bool {
	select {
	case <-b.end:
		return true
	default:
		return false
	}
}

// settle lets a header be written by a handler that may go on to read the body. It
// may do so anyway if duplex.
func (b *requestBody) settle(w http.ResponseWriter, duplex bool) {
	if duplex && b.hasEnded() || !duplex && b.finish() {
		return
	}
	w.Header().Set("Connection", "close") // or the rest could be taken for the next request
	if !duplex && b.control.EnableFullDuplex() != nil {
		b.release(w)
	}
}

// release ends all reading, now and later, so that the response can be written.
func (b *requestBody) release(w http.ResponseWriter) {
	if !b.finish() {
		w.Header().Set("Connection", "close")
		b.mu.Lock()
		b.over = true
		b.mu.Unlock()
		if b.control.SetReadDeadline(time.Unix(1, 0)) != nil {
			return // there is no connection any more
		}
	}
	b.turn <- struct{}{} // a read that is going on has ended, or is about to
	defer func() { <-b.turn }()
	b.mu.Lock()
	defer b.mu.Unlock()
	// Not io.EOF either: what was read ahead is gone, and whoever comes now must
	// not take that for the end of the body.
	b.ahead, b.err = nil, errBodyOver
}
