package threadpool

import (
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/futex"
)

// canDoze says that a thread can wait in the kernel for a word to change.
const canDoze = true

// drowse has the calling thread wait until it is roused, but not if word is not value any
// more, and no longer than d. It may return early; it reports whether the time is not up.
func drowse(word *atomic.Uint32, value uint32, d time.Duration) (early bool) {
	return futex.Sleep(word, value, d, futex.Private)
}

// rouse wakes the thread that waits for word to change, if one does.
func rouse(word *atomic.Uint32) { futex.Wake(word, 1, futex.Private) }
