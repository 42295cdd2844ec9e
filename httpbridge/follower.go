package httpbridge

import (
	"errors"
	"math"
	"os"
)

// follower is one client's place in a Stream. It belongs to the goroutine that
// serves the request.
type follower[T any] struct {
	s        *Stream[T]
	only     func(T) bool // nil: all
	overflow Overflow
	history  int

	seen   uint64 // number of the last event that was taken
	batch  []entry[T]
	frames [][]byte
}

// batchSize is how many events a follower takes at once.
const batchSize = 32

// open finds the place where a client goes on that says it has seen last, and
// returns what it is to get first.
func (f *follower[T]) open(last string) (first []byte, err error) {
	s := f.s
	id, known := parseEventID(last)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Clients++
	epoch, oldest := s.epochLocked(), s.positionLocked()
	missed := false
	switch kept := uint64(len(s.kept)); {
	case known && id.epoch == epoch && oldest <= id.n && id.n <= s.newest:
		f.seen = id.n
	case f.overflow == KeepLatest:
		f.seen = s.newest - min(kept, 1)
	case last != "":
		f.seen, missed = oldest, true
	default:
		f.seen = s.newest - min(kept, uint64(max(f.history, 0)))
	}
	if s.closed && f.seen == s.newest {
		return nil, ErrStreamClosed
	}
	if missed {
		first = append(first, "event: reset\ndata: {}\n"...)
	}
	// With an id from the start, a client that is cut off before its first event
	// misses none either.
	return endEvent(first, eventID{epoch, f.seen}), nil
}

// take returns the events to send now.
func (f *follower[T]) take() (frames [][]byte, more <-chan struct{}, err error) {
	if f.batch == nil {
		f.batch = make([]entry[T], 0, batchSize)
	}
	if f.overflow == KeepLatest {
		return f.takeLatest()
	}
	for {
		f.batch, f.seen, more, err = f.s.read(f.seen, 0, f.batch[:0])
		if len(f.batch) == 0 {
			return nil, more, err
		}
		f.frames = f.frames[:0]
		for _, e := range f.batch {
			if f.wants(e) {
				f.frames = append(f.frames, e.frame)
			}
		}
		clear(f.batch) // what is kept no more is not kept here either
		if len(f.frames) > 0 {
			return f.frames, nil, nil
		}
	}
}

// takeLatest returns the newest event only. A filter has to see all that are kept,
// for it may want nothing newer.
func (f *follower[T]) takeLatest() (frames [][]byte, more <-chan struct{}, err error) {
	within := 1
	if f.only != nil {
		within = math.MaxInt
	}
	f.frames = f.frames[:0]
	for {
		f.batch, f.seen, more, err = f.s.read(f.seen, within, f.batch[:0])
		if len(f.batch) == 0 {
			break
		}
		for _, e := range f.batch {
			if f.wants(e) {
				f.frames = append(f.frames[:0], e.frame)
			}
		}
		clear(f.batch)
	}
	if len(f.frames) > 0 {
		return f.frames, nil, nil
	}
	return nil, more, err
}

func (f *follower[T]) wants(e entry[T]) bool { return f.only == nil || f.only(e.value) }

// ended is told why the stream ended; open was called before.
func (f *follower[T]) ended(err error) {
	f.s.exit()
	if errors.Is(err, ErrTooSlow) || errors.Is(err, os.ErrDeadlineExceeded) {
		f.s.tooSlow()
	}
}
