package httpbridge

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// Stream is a sequence of events that any number of clients follow: the messages
// of a chat room, the lines of a log. For the latest value of something that
// changes there is [Events].
//
// A Stream keeps its last events. A client's queue is its place among them, so
// that Publish costs the same for a client that reads nothing as for one that is
// up to date, and a thousand slow ones need no more memory than one. A client that
// comes back gets what it missed, by the id that it saw last; when that is not
// kept any more it gets an event with the name reset, and then all that is kept.
//
// The zero value is ready. The fields are set before first use and not changed
// after. A Stream must not be copied. Its methods may be called by any goroutine;
// a reactor's may publish, for it never waits.
type Stream[T any] struct {
	// Replay is how many events are kept, and so how far a client may fall behind.
	// Zero: 256.
	Replay int
	// ReplayBytes is how much is kept, in bytes of encoded events; the newest is
	// kept whatever its size. Zero: 1 MiB.
	ReplayBytes int
	// Encode makes of a value the name of its event, which may be empty, and its
	// data. It is called by Publish, on its goroutine. Zero: JSON without a name.
	Encode func(v T) (name string, data []byte, err error)

	mu      sync.Mutex // guards all that follows; nothing blocks and no function of the user's runs under it
	epoch   string     // empty until first used
	kept    []entry[T]
	newest  uint64 // number of the last event that was published; the kept ones end with it
	bytes   int    // of all frames in kept
	changed chan struct{}
	closed  bool
	stats   StreamStats
}

// entry is an event that is kept. It does not change.
type entry[T any] struct {
	value T
	frame []byte // as it is sent
}

const (
	defaultReplay      = 256
	defaultReplayBytes = 1 << 20
)

// ErrStreamClosed says that a [Stream] was closed. It matches [eventual.ErrStopped].
var ErrStreamClosed error = streamClosedError{}

type streamClosedError struct{}

func (streamClosedError) Error() string        { return "httpbridge: stream is closed" }
func (streamClosedError) Is(target error) bool { return target == eventual.ErrStopped }

// StreamStats is a snapshot of a Stream.
type StreamStats struct {
	Published uint64 // events, ever
	Kept      int    // events that a client that comes back can get
	KeptBytes int
	Clients   int    // that follow it now
	TooSlow   uint64 // clients, ever, that were left behind
}

// Publish makes v the next event for all who follow the stream. It waits for none
// of them. It fails if v cannot be encoded, and with [ErrStreamClosed].
func (s *Stream[T]) Publish(v T) error {
	frame, err := s.render(v)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrStreamClosed
	}
	s.newest++
	s.stats.Published++
	frame = endEvent(frame, eventID{s.epochLocked(), s.newest})
	s.kept = append(s.kept, entry[T]{v, frame})
	s.bytes += len(frame)
	s.evictLocked()
	changed := s.changed
	s.changed = nil
	s.mu.Unlock()
	if changed != nil {
		close(changed)
	}
	return nil
}

// Close ends the stream for good. Clients get what was published, and then the
// end; those who come back, or come later, are told with 204 not to.
func (s *Stream[T]) Close() {
	s.mu.Lock()
	s.closed = true
	changed := s.changed
	s.changed = nil
	s.mu.Unlock()
	if changed != nil {
		close(changed)
	}
}

// Stats returns a snapshot.
func (s *Stream[T]) Stats() StreamStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Kept, st.KeptBytes = len(s.kept), s.bytes
	return st
}

func (s *Stream[T]) render(v T) (frame []byte, err error) {
	name, data := "", []byte(nil)
	if s.Encode != nil {
		name, data, err = s.Encode(v)
	} else {
		data, err = json.Marshal(v)
	}
	if err == nil {
		frame = make([]byte, 0, len(name)+len(data)+len("event: \ndata: \n")+eventIDSpace)
		frame, err = appendEvent(frame, name, data)
	}
	if err != nil {
		return nil, fmt.Errorf("httpbridge: publishing a %T: %w", v, err)
	}
	return frame, nil
}

// evictLocked drops the oldest events as the limits say. The newest stays.
func (s *Stream[T]) evictLocked() {
	most, mostBytes := s.Replay, s.ReplayBytes
	if most <= 0 {
		most = defaultReplay
	}
	if mostBytes <= 0 {
		mostBytes = defaultReplayBytes
	}
	for len(s.kept) > 1 && (len(s.kept) > most || s.bytes > mostBytes) {
		s.bytes -= len(s.kept[0].frame)
		s.kept[0] = entry[T]{} // append moves to a new array only now and then
		s.kept = s.kept[1:]
	}
}

func (s *Stream[T]) epochLocked() string {
	if s.epoch == "" {
		s.epoch = newEpoch()
	}
	return s.epoch
}

// newEpoch grows with the time and differs for streams that begin at the same one.
func newEpoch() string {
	return strconv.FormatInt(time.Now().UnixMilli(), 36) + strings.ToLower(rand.Text()[:4])
}

// positionLocked is the number before the oldest event that is kept.
func (s *Stream[T]) positionLocked() uint64 { return s.newest - uint64(len(s.kept)) }

// read appends to batch the events after seen, as many as fit. within, if it is not
// 0, leaves out all but so many of the last, which may be more than are kept;
// otherwise it fails with ErrTooSlow if the first of them is not kept any more. last
// is the number of the last that was left out or appended.
//
// When there are none it returns the channel that is closed when there are, or
// ErrStreamClosed.
func (s *Stream[T]) read(seen uint64, within int, batch []entry[T]) (_ []entry[T], last uint64, more <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if within > 0 {
		seen = max(seen, s.newest-uint64(min(within, len(s.kept))))
	}
	oldest := s.positionLocked()
	switch {
	case seen < oldest:
		return batch, seen, nil, ErrTooSlow
	case seen < s.newest:
		waiting := s.kept[seen-oldest:]
		n := min(len(waiting), cap(batch)-len(batch))
		return append(batch, waiting[:n]...), seen + uint64(n), nil, nil
	case s.closed:
		return batch, seen, nil, ErrStreamClosed
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return batch, seen, s.changed, nil
}

// tooSlow counts a client that was left behind.
func (s *Stream[T]) tooSlow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.TooSlow++
}
