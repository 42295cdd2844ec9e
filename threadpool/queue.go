package threadpool

import (
	"sync"
	"time"
)

// task is a job in the queue.
type task interface {
	// run runs the job on w, unless it has ended. It does not return if the job
	// panics or ends its goroutine; then unwound is called.
	run(w *worker)
	// unwound is called by a deferred function on w, with what recover gave there: nil
	// for a Goexit.
	unwound(w *worker, recovered any)
	// refuse ends a job that was not started; it reports false if it was.
	refuse(cause error) bool
	// expire ends a job that was not started and whose ctx has ended. It asks the ctx,
	// which may be code of the caller's.
	expire()
	// over reports that it has ended, or its result was cancelled, so that it will not
	// be started.
	over() bool
	// drop forgets the submitted function of a job that has ended, for its result may
	// be kept. It is called by whoever has taken it out of the queue.
	drop()
	// Func is the entry of the submitted function.
	Func() uintptr
}

// entry is a task in the queue.
type entry struct {
	task task
	by   int64         // the goroutine that submitted it
	at   time.Duration // when it came, if its wait is to be measured
}

// refuse ends a job that was taken out of the queue and is not to be started.
func (e entry) refuse(cause error) {
	e.task.refuse(cause)
	e.task.drop()
}

// queue is first in, first out, in blocks: a storm is never copied, and what was
// taken leaves no reference and no memory behind.
type queue struct {
	first, last *block // nil if it is empty
	head        int    // of first: where the next to take is
	tail        int    // of last: where the next to push goes
	size        int    // entries
	pushed      uint64 // entries that ever came
	high        int    // the longest that it was before something was taken
	spare       *block // an empty one, so that a short queue allocates nothing
}

const blockLen = 126 // makes a block just less than 4 KiB

type block struct {
	entries    [blockLen]entry
	prev, next *block
}

// blocks are empty ones, for any queue: the collector takes what is not used.
var blocks = sync.Pool{New: func() any { return new(block) }}

func (q *queue) len() int { return q.size }

func (q *queue) push(e entry) {
	q.append(e)
	q.pushed++
}

func (q *queue) append(e entry) {
	if q.last == nil || q.tail == blockLen {
		q.grow()
	}
	q.last.entries[q.tail] = e
	q.tail++
	q.size++
}

// grow makes room behind the last entry.
func (q *queue) grow() {
	b := q.newBlock()
	if q.last == nil {
		q.first, q.head = b, 0
	} else {
		q.last.next, b.prev = b, q.last
	}
	q.last, q.tail = b, 0
}

// take moves up to n entries to the end of into.
func (q *queue) take(n int, into []entry) []entry {
	q.high = max(q.high, q.size)
	for n = min(n, q.size); n > 0; {
		end := q.endOf(q.first)
		from := q.first.entries[q.head:min(q.head+n, end)]
		into = append(into, from...)
		clear(from)
		q.head += len(from)
		q.size -= len(from)
		n -= len(from)
		if q.head == end {
			q.dropFirst()
		}
	}
	return into
}

// putBack returns entries that were taken and not begun to the front.
func (q *queue) putBack(es []entry) {
	for len(es) > 0 {
		if q.first == nil || q.head == 0 {
			b := q.newBlock()
			if q.first == nil {
				q.last, q.tail = b, blockLen
			} else {
				b.next, q.first.prev = q.first, b
			}
			q.first, q.head = b, blockLen
		}
		n := min(len(es), q.head)
		q.head -= n
		copy(q.first.entries[q.head:], es[len(es)-n:])
		q.size += n
		es = es[:len(es)-n]
	}
}

// takeLast takes the last n entries out, in their order.
func (q *queue) takeLast(n int) []entry {
	q.high = max(q.high, q.size)
	es := make([]entry, min(n, q.size))
	for n = len(es); n > 0; {
		from := q.last.entries[max(q.startOf(q.last), q.tail-n):q.tail]
		copy(es[n-len(from):], from)
		clear(from)
		q.tail -= len(from)
		q.size -= len(from)
		n -= len(from)
		if q.tail == q.startOf(q.last) {
			q.dropLast()
		}
	}
	return es
}

// find returns how far from the end t is; 0 if it is not there.
func (q *queue) find(t task) (fromEnd int) {
	for b := q.last; b != nil; b = b.prev {
		for i := q.endOf(b) - 1; i >= q.startOf(b); i-- {
			if fromEnd++; b.entries[i].task == t {
				return fromEnd
			}
		}
	}
	return 0
}

// remove takes out those of the last n entries that match, and returns them in
// their order.
func (q *queue) remove(n int, match func(entry) bool) (removed []entry) {
	for _, e := range q.takeLast(n) {
		if match(e) {
			removed = append(removed, e)
		} else {
			q.append(e)
		}
	}
	return removed
}

// hurry moves those of the last n entries that match to the front, in their order.
func (q *queue) hurry(n int, match func(entry) bool) { q.putBack(q.remove(n, match)) }

// tasks returns what waits.
func (q *queue) tasks() []task {
	ts := make([]task, 0, q.size)
	for b := q.first; b != nil; b = b.next {
		for _, e := range b.entries[q.startOf(b):q.endOf(b)] {
			ts = append(ts, e.task)
		}
	}
	return ts
}

// startOf is where the entries of b begin.
func (q *queue) startOf(b *block) int {
	if b == q.first {
		return q.head
	}
	return 0
}

// endOf is where the entries of b end.
func (q *queue) endOf(b *block) int {
	if b == q.last {
		return q.tail
	}
	return blockLen
}

func (q *queue) newBlock() *block {
	if b := q.spare; b != nil {
		q.spare = nil
		return b
	}
	return blocks.Get().(*block)
}

// dropFirst takes the first block, which is empty, out.
func (q *queue) dropFirst() {
	b := q.first
	q.first, q.head = b.next, 0
	if q.first == nil {
		q.last = nil
	} else {
		q.first.prev = nil
	}
	q.discard(b)
}

// dropLast takes the last block, which is empty, out.
func (q *queue) dropLast() {
	b := q.last
	q.last, q.tail = b.prev, blockLen
	if q.last == nil {
		q.first = nil
	} else {
		q.last.next = nil
	}
	q.discard(b)
}

func (q *queue) discard(b *block) {
	b.prev, b.next = nil, nil
	if q.spare == nil {
		q.spare = b
		return
	}
	blocks.Put(b)
}
