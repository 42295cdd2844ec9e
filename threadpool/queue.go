package threadpool

import (
	"sync"
	"time"
)

// task is a job in the queue.
type task interface {
	// run runs the job on w, unless it was cancelled. It does not return if the job
	// ends its goroutine.
	run(w *worker)
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

// queue is first in, first out, in blocks: a storm is never copied, and what was
// taken leaves no reference and no memory behind.
type queue struct {
	first, last *block
	head        int    // of first: where the next to take is
	tail        int    // of last: where the next to push goes
	size        int    // entries
	high        int    // the longest it ever was
	spare       *block // one that is empty, so that a short queue allocates nothing
}

const blockLen = 170 // makes a block just less than 4 KiB

type block struct {
	entries [blockLen]entry
	next    *block
}

func (q *queue) len() int { return q.size }

func (q *queue) push(e entry) {
	if q.last == nil || q.tail == blockLen {
		b := q.newBlock()
		if q.last == nil {
			q.first, q.head = b, 0
		} else {
			q.last.next = b
		}
		q.last, q.tail = b, 0
	}
	q.last.entries[q.tail] = e
	q.tail++
	q.size++
	q.high = max(q.high, q.size)
}

// take moves up to n entries to the end of into.
func (q *queue) take(n int, into []entry) []entry {
	for n = min(n, q.size); n > 0; {
		end := blockLen
		if q.first == q.last {
			end = q.tail
		}
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
			if b.next = q.first; b.next == nil {
				q.last, q.tail = b, blockLen
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

// blocks are empty ones, for any queue: the collector takes what is not used.
var blocks = sync.Pool{New: func() any { return new(block) }}

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
	}
	b.next = nil
	if q.spare == nil {
		q.spare = b
		return
	}
	blocks.Put(b)
}
