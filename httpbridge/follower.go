package httpbridge

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

// take returns the events to send now. For one who keeps the latest it is the
// newest only.
func (f *follower[T]) take() (frames [][]byte, more <-chan struct{}, err error) {
	if f.batch == nil {
		f.batch = make([]entry[T], 0, batchSize)
	}
	until := f.skip()
	f.frames = f.frames[:0]
	for {
		f.batch, more, err = f.s.read(f.seen, f.batch[:0])
		f.seen += uint64(len(f.batch))
		for _, e := range f.batch {
			if f.only != nil && !f.only(e.value) {
				continue
			}
			if f.overflow == KeepLatest {
				f.frames = f.frames[:0]
			}
			f.frames = append(f.frames, e.frame)
		}
		nothing := len(f.batch) == 0
		clear(f.batch) // an event that is kept no more is not kept here either
		switch {
		case len(f.frames) > 0 && (f.overflow != KeepLatest || f.seen >= until):
			return f.frames, nil, nil
		case nothing:
			return nil, more, err
		}
	}
}

// skip leaves out what is not worth sending to one who keeps the latest, because
// something newer is there. A filter has to see what is kept, for it may want
// nothing newer. It returns the number of the event that is the newest by now.
func (f *follower[T]) skip() (newest uint64) {
	s := f.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.overflow == KeepLatest {
		kept := len(s.kept)
		if f.only == nil {
			kept = min(kept, 1)
		}
		f.seen = max(f.seen, s.newest-uint64(kept))
	}
	return s.newest
}
