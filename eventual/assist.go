package eventual

import "time"

// assistant is Work that has something better to do for one who waits for its result
// than to let it park: to go and get it, for example. It is found by [Promise.Init];
// InitIn does not look.
type assistant interface {
	// AssistWait is called by a goroutine that is about to wait, no longer than timeout,
	// if no function was given to OnDone. It may block, for no longer than that and a
	// few milliseconds, and settle the result; functions that are given to OnDone
	// meanwhile are called on this goroutine then. Nobody who waits for such work yields
	// besides: it takes longer than that.
	AssistWait(timeout time.Duration)
}

// assist has the work help who waits for it, if it can. It returns what is left of the
// time.
func (c *core) assist(timeout time.Duration) (left time.Duration) {
	if !c.assists {
		return timeout
	}
	c.mu.Lock()
	a, ok := c.owner.(assistant)
	for l := c.links; ok && l != nil; l = l.next {
		ok = l.call == nil
	}
	c.mu.Unlock()
	if !ok {
		return timeout
	}
	begun := time.Now()
	a.AssistWait(timeout)
	return timeout - time.Since(begun)
}
