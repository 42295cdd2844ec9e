package procpool

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

// putBack returns tasks to the front.
func (q *queue) putBack(ts []task) {
	if len(ts) == 0 {
		return
	}
	q.tasks = append(append(make([]task, 0, len(ts)+q.len()), ts...), q.tasks[q.head:]...)
	q.head = 0
}
