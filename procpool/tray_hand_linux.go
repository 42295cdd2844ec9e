package procpool

import (
	"sync/atomic"
	"time"
)

// handing is how jobs get to a worker that expects one, because who has waited for its
// last result probably has another. It sleeps on the tray for a moment, and only then in
// a read. A write to the connection would also wake the pool's poller, to tell it that
// the worker has read.
type handing struct {
	handed word
	read   *atomic.Uint64 // how many bytes the worker had when it began to look; only it writes it
	sent   *atomic.Uint64 // how many the pool has sent; only it writes it
	size   *atomic.Uint64 // of what is in down
	down   []byte
}

// The states of handed, and who brings it from one to the next:
//
//	away    -> looking  worker: it sleeps until something is there
//	looking -> full     pool: it is
//	looking -> away     pool: it is in the connection; or worker: it waits no longer
//	full    -> away     worker: it has it
//
// Bytes must come in order: the pool uses the tray only if the worker has read all
// before it, and the worker sleeps only if it has all that was sent. Each says what it
// has done before it looks at what the other has, so one of them notices.
const (
	away uint32 = iota
	looking
	full
)

// hand gives b, which comes after upTo bytes, to a worker that looks for it.
func (t *tray) hand(b []byte, upTo uint64) bool {
	if t == nil || t.handed.Load() != looking || t.read.Load() != upTo || len(b) > trayRoom {
		return false
	}
	copy(t.down, b)
	t.size.Store(uint64(len(b)))
	if !t.handed.CompareAndSwap(looking, full) {
		return false
	}
	t.sent.Store(upTo + uint64(len(b)))
	t.handed.wake()
	return true
}

// sentUpTo says how many bytes are in the connection, or were handed.
func (t *tray) sentUpTo(upTo uint64) {
	if t == nil {
		return
	}
	t.sent.Store(upTo)
	if t.handed.CompareAndSwap(looking, away) {
		t.handed.wake()
	}
}

// look waits for something to be handed, but no longer than d, and copies it into b, which
// has room for it. has is how many bytes the worker has. 0 means that there is nothing, or
// that it is in the connection.
func (t *tray) look(b []byte, has uint64, d time.Duration) int {
	t.read.Store(has)
	t.handed.Store(looking)
	if t.sent.Load() <= has {
		t.handed.sleep(looking, d)
	}
	if t.handed.CompareAndSwap(looking, away) || t.handed.Load() != full {
		return 0
	}
	n := copy(b, t.down[:t.size.Load()])
	t.handed.Store(away)
	return n
}
