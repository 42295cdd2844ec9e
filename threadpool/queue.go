package threadpool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// task is a job in the queue.
type task interface {
	// run runs the job, unless it was cancelled. It does not return if the job ends
	// its goroutine.
	run()
	// refuse ends a job that was not started; it reports false if it was.
	refuse(cause error) bool
	// canceled reports that its result was, so that it will not be started.
	canceled() bool
	// drop forgets the submitted function, which has run; Func is not called while
	// it does.
	drop()
	// Func is the entry of the submitted function.
	Func() uintptr
}

// entry is a task in the queue.
type entry struct {
	task task
	by   int64           // the goroutine that submitted it
	at   time.Duration   // when it came, if its wait is to be measured
	ctx  context.Context // of its caller, if it can end and the queue is bounded
}

// dead returns why it will not be started, if so.
func (e entry) dead() error {
	switch {
	case e.task.canceled():
		return eventual.ErrCanceled
	case e.ctx != nil && e.ctx.Err() != nil:
		return fmt.Errorf("threadpool: not started: %w", context.Cause(e.ctx))
	}
	return nil
}

// queue is first in, first out. What was taken leaves no reference behind.
type queue struct {
	entries []entry
	head    int
	pushed  uint64 // entries that ever came
}

func (q *queue) len() int { return len(q.entries) - q.head }

func (q *queue) push(e entry) {
	q.entries = append(q.entries, e)
	q.pushed++
}

// take moves up to n entries to the end of into.
func (q *queue) take(n int, into []entry) []entry {
	n = min(n, q.len())
	from := q.entries[q.head : q.head+n]
	into = append(into, from...)
	clear(from)
	q.head += n
	q.compact()
	return into
}

// compact gives the place of what was taken back, so that each entry is moved at
// most once on average and a long queue leaves nothing behind.
func (q *queue) compact() {
	switch rest := q.len(); {
	case rest == 0:
		if cap(q.entries) > 1<<14 {
			q.entries = nil
		}
		q.entries, q.head = q.entries[:0], 0
	case q.head > 64 && q.head > rest:
		copy(q.entries, q.entries[q.head:])
		clear(q.entries[rest:])
		q.entries, q.head = q.entries[:rest], 0
	}
}

// putBack returns entries that were taken and not begun to the front.
func (q *queue) putBack(es []entry) {
	if len(es) == 0 {
		return
	}
	if q.head >= len(es) {
		q.head -= len(es)
		copy(q.entries[q.head:], es)
		return
	}
	q.entries = append(append(make([]entry, 0, len(es)+q.len()), es...), q.entries[q.head:]...)
	q.head = 0
}

// find returns how far from the end t is; 0 if it is not there.
func (q *queue) find(t task) (fromEnd int) {
	for i := len(q.entries) - 1; i >= q.head; i-- {
		if q.entries[i].task == t {
			return len(q.entries) - i
		}
	}
	return 0
}

// removeDead takes out what will not be started.
func (q *queue) removeDead() (dead []entry) {
	alive := slices.DeleteFunc(q.entries[q.head:], func(e entry) bool {
		if e.dead() == nil {
			return false
		}
		dead = append(dead, e)
		return true
	})
	q.entries = q.entries[:q.head+len(alive)]
	return dead
}

// hurry moves those of the last n entries that match to the front, in their order.
func (q *queue) hurry(n int, match func(entry) bool) {
	var first []entry
	kept := max(q.head, len(q.entries)-n)
	for i := kept; i < len(q.entries); i++ {
		switch e := q.entries[i]; {
		case match(e):
			first = append(first, e)
		case kept < i:
			q.entries[kept] = e
			fallthrough
		default:
			kept++
		}
	}
	clear(q.entries[kept:])
	q.entries = q.entries[:kept]
	q.putBack(first)
}
