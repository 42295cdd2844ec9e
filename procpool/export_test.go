package procpool

import "sync/atomic"

// WatchStates has fn told of each change of a worker's state. It is called before
// p is started; fn must not call p.
func WatchStates(p *Pool, fn func(worker int, from, to State)) {
	p.stateChanged = func(w *worker, to State) { fn(w.id, w.state, to) }
}

// CountLent has n count the results that are taken from trays. It is called before p is
// started.
func CountLent(p *Pool, n *atomic.Int64) { p.lentTaken = func() { n.Add(1) } }
