package coiterate

import "github.com/trestle-go/trestle/eventual"

// Yielder is what a function that runs as a task calls now and then. Only that
// function may, while it runs.
type Yielder struct{ t *Task }

// Yield is where the task may be made to wait for its next turn. It costs a few
// nanoseconds while the slice lasts. The error says that the task is to end; fn
// should return it.
func (y *Yielder) Yield() error { return y.t.step() }

// Await puts the task to sleep until p is done. It returns the reason if the task
// is to end.
func (y *Yielder) Await(p eventual.Pending) error { return y.t.await(p) }

// Progress says how far the task has come; total may be 0 if it is not known.
func (y *Yielder) Progress(done, total int64) {
	y.t.c.mu.Lock()
	defer y.t.c.mu.Unlock()
	y.t.progress, y.t.told = Progress{done, total}, true
}
