package chat

import (
	"fmt"
	"time"
)

// What a speaker may say: so many messages at once, and then one at a time.
const (
	burst   = 6
	refill  = time.Second // for one message
	refills = burst * refill
)

// bucket is the allowance of one speaker.
type bucket struct {
	left float64
	seen time.Time
}

// FloodError says that somebody said too much in too short a time.
type FloodError struct{ Wait time.Duration }

func (e *FloodError) Error() string {
	return fmt.Sprintf("chat: too many messages at once; wait %v", e.Wait.Round(time.Second/10))
}

// RetryAfter is when to try again.
func (e *FloodError) RetryAfter() time.Duration { return e.Wait }

// allow takes one message from the allowance of who. On the reactor only.
func (h *Hub) allow(who string, now time.Time) error {
	b := h.senders[who]
	if b == nil {
		if len(h.senders) == 0 {
			h.r.CallLater(refills, h.forget)
		}
		b = &bucket{left: burst, seen: now}
		h.senders[who] = b
	}
	b.left = min(b.left+now.Sub(b.seen).Seconds()/refill.Seconds(), burst)
	b.seen = now
	if b.left < 1 {
		return &FloodError{time.Duration((1 - b.left) * float64(refill))}
	}
	b.left--
	return nil
}

// forget drops the allowances that are full again, and comes back while there are
// others.
func (h *Hub) forget() {
	now := h.r.Now()
	for who, b := range h.senders {
		if now.Sub(b.seen) >= refills {
			delete(h.senders, who)
		}
	}
	if len(h.senders) > 0 {
		h.r.CallLater(refills, h.forget)
	}
}
