package eventual

// watchers are the functions of OnDone, in order. The first, which most often is the
// only one, needs no memory of its own.
type watchers struct {
	first func()
	last  *link // of a ring of the others
}

func (w *watchers) none() bool { return w.first == nil && w.last == nil }

func (w *watchers) add(f func()) {
	if w.none() {
		if w.first = f; f != nil {
			return
		}
	}
	l := &link{call: f}
	if w.last == nil {
		l.next = l
	} else {
		l.next, w.last.next = w.last.next, l
	}
	w.last = l
}

// tell calls them. If one ends the goroutine, the others are called all the same.
func (w watchers) tell() {
	var others *link
	if w.last != nil {
		others, w.last.next = w.last.next, nil
	}
	switch {
	case others == nil && w.first != nil:
		contain(w.first)
	case w.first != nil:
		tell(&link{call: w.first, next: others})
	case others != nil:
		tell(others)
	}
}
