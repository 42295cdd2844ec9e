package procpool

import "slices"

// queue is first in, first out. What was taken leaves no reference behind.
type queue struct {
	tasks []task
	head  int
	high  int // the longest it ever was
}

func (q *queue) len() int { return len(q.tasks) - q.head }

func (q *queue) push(t task) {
	q.tasks = append(q.tasks, t)
	q.high = max(q.high, q.len())
}

// pop takes the first; the queue must not be empty.
func (q *queue) pop() task {
	t := q.tasks[q.head]
	q.tasks[q.head] = nil
	q.head++
	switch rest := q.len(); {
	case rest == 0:
		if cap(q.tasks) > 1<<14 {
			q.tasks = nil
		}
		q.tasks, q.head = q.tasks[:0], 0
	case q.head > 64 && q.head > rest: // so that each is moved at most once on average
		copy(q.tasks, q.tasks[q.head:])
		clear(q.tasks[rest:])
		q.tasks, q.head = q.tasks[:rest], 0
	}
	return t
}

// putBack returns tasks that were taken to where they stood: they are in the order
// of their ids, as is the queue.
func (q *queue) putBack(ts []task) {
	at := q.head
	for _, t := range ts {
		for at < len(q.tasks) && q.tasks[at].core().id < t.core().id {
			at++
		}
		q.tasks = slices.Insert(q.tasks, at, t)
	}
}
