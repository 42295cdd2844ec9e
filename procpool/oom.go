package procpool

import "strings"

// outOfMemory reports whether the worker ended because there was no memory: as far
// as the kernel counts it for the worker's control group, or as Go's runtime says
// when it is refused more.
func (w *worker) outOfMemory(stderr string) bool {
	if w.status.signal == sigKill && w.killed == killNot {
		return w.p.killedForMemory(w.oom)
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

// killedForMemory reports whether the kernel has killed more for want of memory than
// the counter showed at the start of a worker and than the pool knows of. Each such
// death explains that of one worker.
func (p *Pool) killedForMemory(atStart uint64) bool {
	n := p.oom.read()
	p.mu.Lock()
	defer p.mu.Unlock()
	known := max(atStart, p.oomDeaths)
	if n <= known {
		return false
	}
	p.oomDeaths = known + 1
	return true
}
