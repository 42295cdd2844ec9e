package procpool

import "time"

// unused tells when something that costs memory was not used for a while. It is
// guarded by the mutex of what it is about.
type unused struct {
	used  bool        // since the timer struck
	timer *time.Timer // nil until there is something
}

// unusedFor is how long something is kept, at least, after it was used last.
const unusedFor = 10 * time.Second

// useLocked notes a use. look, which is called on a goroutine of the runtime's, is to
// ask overLocked.
func (u *unused) useLocked(look func()) {
	u.used = true
	if u.timer == nil {
		u.timer = time.AfterFunc(unusedFor, look)
	}
}

// overLocked reports whether nothing was used since it was asked before. If so it
// ends; else look is called again.
func (u *unused) overLocked() bool {
	switch {
	case u.timer == nil: // ended meanwhile
		return false
	case u.used:
		u.used = false
		u.timer.Reset(unusedFor)
		return false
	}
	u.timer = nil
	return true
}

// endLocked ends it.
func (u *unused) endLocked() {
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
}
