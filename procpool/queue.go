package procpool

import (
	"cmp"
	"slices"
)

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

// remove takes out the task of job id, or returns nil if it is not here.
func (q *queue) remove(id uint64) task {
	at, ok := q.find(id)
	if !ok {
		return nil
	}
	t := q.tasks[at]
	if q.tasks = slices.Delete(q.tasks, at, at+1); q.len() == 0 {
		q.tasks, q.head = q.tasks[:0], 0
	}
	return t
}

// putBack returns a task that was taken to where it stood: the queue is in the
// order of the ids.
func (q *queue) putBack(t task) {
	at, _ := q.find(t.core().id)
	q.tasks = slices.Insert(q.tasks, at, t)
}

// find returns where the task of job id is or would be.
func (q *queue) find(id uint64) (at int, ok bool) {
	at, ok = slices.BinarySearchFunc(q.tasks[q.head:], id, func(t task, id uint64) int { return cmp.Compare(t.core().id, id) })
	return q.head + at, ok
}
