package threadpool

import "sync/atomic"

// batch is how many jobs a worker takes at once when many wait: enough to make the
// pool's lock cheap, few enough that one slow job does not hold many up. What it has
// not begun is given back when it waits or its job takes long, and taken by those who
// find nothing else.
const batch = 32

// hand is what a worker has taken out of the queue at once: the job that it runs and
// those behind it, which others may take as long as it has not begun them. The worker
// begins the next with one compare-and-swap of a word that says which these are:
//
//	bits  0-7   next, the place of the first that is not begun
//	bits  8-15  end, the place behind the last
//	bit   16    runs: the one in front of next is not over
//	bit   17    watched: somebody looks at that one, with the pool's mu held
//	bits 24-63  how many calls, of those that are over, have returned
//
// The places from next to end belong to whoever claims them, the one in front of next
// to the worker; so each place is written by one at a time. What others than the
// worker do to a hand, and what fills and empties it, they do with mu held.
type hand struct {
	word  atomic.Uint64
	began atomic.Int64 // when the one that runs began, on the pool's clock
	place [batch]entry
}

const (
	endShift    = 8
	runsBit     = 1 << 16
	watchedBit  = 1 << 17
	returnShift = 24
)

func nextOf(word uint64) int        { return int(word & 0xff) }
func endOf(word uint64) int         { return int(word >> endShift & 0xff) }
func runsIn(word uint64) bool       { return word&runsBit != 0 }
func returnedOf(word uint64) uint64 { return word >> returnShift }

// next ends the job that ran, which adds so many calls that returned to those before,
// and begins the next. It does nothing if there is none, which leaves the job that ran
// to overLocked, and if somebody looks at that one.
func (h *hand) next(returned uint64) (ended, e entry, watched bool) {
	for {
		word := h.word.Load()
		i := nextOf(word)
		if i >= endOf(word) || word&watchedBit != 0 {
			return entry{}, entry{}, word&watchedBit != 0
		}
		if h.word.CompareAndSwap(word, (word+1|runsBit)+returned<<returnShift) {
			if i > 0 {
				ended, h.place[i-1] = h.place[i-1], entry{}
			}
			return ended, h.place[i], false
		}
	}
}

// startLocked begins the first of the n that have been put in their places.
func (h *hand) startLocked(n int) entry {
	h.word.Store(1 | uint64(n)<<endShift | runsBit)
	return h.place[0]
}

// overLocked ends the job that ran, if one did, and returns it and how many calls have
// returned. The worker calls it.
func (h *hand) overLocked() (ended entry, returned uint64) {
	word := h.word.Load()
	if runsIn(word) {
		i := nextOf(word) - 1
		ended, h.place[i] = h.place[i], entry{}
	}
	h.word.Store(word & (runsBit - 1))
	return ended, returnedOf(word)
}

// spareLocked is how many are not begun.
func (h *hand) spareLocked() int {
	word := h.word.Load()
	return endOf(word) - nextOf(word)
}

// takeLocked moves the last n that are not begun, or as many as there are, to the end
// of into.
func (h *hand) takeLocked(n int, into []entry) []entry {
	for {
		word := h.word.Load()
		end := endOf(word)
		from := max(end-n, nextOf(word))
		if from >= end {
			return into
		}
		if h.word.CompareAndSwap(word, word-uint64(end-from)<<endShift) {
			into = append(into, h.place[from:end]...)
			clear(h.place[from:end])
			return into
		}
	}
}

// watchLocked calls f with the job that runs, if one does, and its place, and keeps it
// from ending meanwhile.
func (h *hand) watchLocked(f func(t task, place int)) {
	word := h.word.Or(watchedBit)
	if runsIn(word) {
		i := nextOf(word) - 1
		f(h.place[i].task, i)
	}
	h.word.And(^uint64(watchedBit))
}
