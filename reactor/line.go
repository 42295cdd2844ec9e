package reactor

import (
	"slices"
	"time"
)

// soon is how near an entry has to be to get in line. A single one that is far away
// would keep all that come before it out.
const soon = time.Millisecond

// timerLine holds entries that came in the order in which they are due, as do those
// that are due at once: to add one and to take one out looks at no other, where a heap
// goes from level to level.
type timerLine struct {
	all  []timerEntry
	head int // those before it were taken out
}

func (l *timerLine) len() int              { return len(l.all) - l.head }
func (l *timerLine) entries() []timerEntry { return l.all[l.head:] }

// push adds e at the end, if that is its place.
func (l *timerLine) push(e timerEntry) bool {
	n := len(l.all)
	if n > 0 && e.before(l.all[n-1]) {
		return false
	}
	if n == cap(l.all) {
		l.makeRoom()
	}
	l.all = append(l.all, e)
	return true
}

// makeRoom uses what was taken out, if that is half of it, or grows.
func (l *timerLine) makeRoom() {
	if l.head > len(l.all)/2 {
		n := copy(l.all, l.entries())
		clear(l.all[n:])
		l.all, l.head = l.all[:n], 0
		return
	}
	l.all = slices.Grow(l.all, max(len(l.all), 16))
}

// pop takes out the first entry of a line that has one.
func (l *timerLine) pop() timerEntry {
	e := l.all[l.head]
	l.all[l.head] = timerEntry{}
	if l.head++; l.head == len(l.all) {
		l.reset(0)
	}
	return e
}

// reset keeps the first n places, which begin the line.
func (l *timerLine) reset(n int) {
	if l.head, l.all = 0, l.all[:n]; cap(l.all) > keepEntries && n < cap(l.all)/8 {
		l.all = slices.Clone(l.all)
	}
}

// keep drops the entries that want does not hold for.
func (l *timerLine) keep(want func(timerEntry) bool) {
	n := 0
	for _, e := range l.entries() {
		if want(e) {
			l.all[n] = e
			n++
		}
	}
	clear(l.all[n:])
	l.reset(n)
}
