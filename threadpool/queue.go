package threadpool

import "time"

// task is a job in the queue.
type task interface {
	// run runs the job, unless it was cancelled. It does not return if the job ends
	// its goroutine.
	run()
	// refuse ends a job that was not started; it reports false if it was.
	refuse(cause error) bool
	// Func is the entry of the submitted function.
	Func() uintptr
}

// entry is a task and when it came, if its wait is to be measured.
type entry struct {
	task task
	at   time.Duration
}

// queue is first in, first out. What was taken leaves no reference behind.
type queue struct {
	entries []entry
	head    int
	high    int // the longest it ever was
	taken   uint64
}

func (q *queue) len() int { return len(q.entries) - q.head }

func (q *queue) push(e entry) {
	q.entries = append(q.entries, e)
	q.high = max(q.high, q.len())
}

// take moves up to n entries to the end of into.
func (q *queue) take(n int, into []entry) []entry {
	n = min(n, q.len())
	from := q.entries[q.head : q.head+n]
	into = append(into, from...)
	clear(from)
	q.head += n
	q.taken += uint64(n)
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
	q.taken -= uint64(len(es))
	if q.head >= len(es) {
		q.head -= len(es)
		copy(q.entries[q.head:], es)
		return
	}
	q.entries = append(append(make([]entry, 0, len(es)+q.len()), es...), q.entries[q.head:]...)
	q.head = 0
}
