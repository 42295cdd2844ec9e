package procpool

import (
	"maps"
	"slices"
)

// WatchStates has fn told of each change of a worker's state. It is called before
// p is started; fn must not call p.
func WatchStates(p *Pool, fn func(worker int, from, to State)) {
	p.stateChanged = func(w *worker, to State) { fn(w.id, w.state, to) }
}

// TakenFromTrays is how many bytes of results were taken from the trays of p's workers,
// of those that there are.
func TakenFromTrays(p *Pool) (n uint64) {
	p.mu.Lock()
	workers := slices.Collect(maps.Keys(p.workers))
	p.mu.Unlock()
	for _, w := range workers {
		w.own <- struct{}{}
		n += w.taken
		<-w.own
	}
	return n
}
