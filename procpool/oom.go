package procpool

import "strings"

// outOfMemory reports whether the worker ended because there was no memory: as far
// as the kernel counts it for the worker's control group, or as Go's runtime says
// when it is refused more.
func (w *worker) outOfMemory(stderr string) bool {
	if w.status.signal == sigKill && w.killed == killNot {
		return w.p.oom.read() > w.oom
	}
	if w.status.signal != nil || w.status.code == 0 {
		return false
	}
	for _, said := range [...]string{
		"fatal error: runtime: out of memory",
		"fatal error: runtime: cannot allocate memory",
		"fatal error: out of memory",
		"runtime: cannot map pages in arena address space",
		"fatal error: failed to reserve page summary memory",
		// Of programs with the race detector:
		"fatal error: too many address space collisions for -race mode",
		"ThreadSanitizer failed to allocate",
	} {
		if strings.Contains(stderr, said) {
			return true
		}
	}
	return false
}
