package eventual

import "sync"

// linkQueue holds the links of a chain that were not run, in order: the first few
// in place, those behind them in blocks. It is added to under the Deferred's
// mutex. Whoever drains the chain takes, without it, the links that were there at
// the last refill: nothing is moved, and neither is in the way of the other.
type linkQueue struct {
	few   [3]any // links, untyped so that all Deferreds can share the blocks
	first *block // behind few, once there is one and few is being run
	last  *block // is added to; nil means few
	added int32  // links in last

	// Used by whoever drains the chain alone.
	at, ready int32  // the links to run next are running's from at to ready
	running   *block // is being run; nil means few
}

// block is a piece of a long chain, for use by another when its links were run.
type block struct {
	next  *block
	links [31]any // makes 504 bytes, of 512 that are allocated
}

var blocks = sync.Pool{New: func() any { return new(block) }}

// addLocked appends l.
func (q *linkQueue) addLocked(l any) {
	room := q.room(q.last)
	if int(q.added) == len(room) {
		room = q.growLocked()
	}
	room[q.added] = l
	q.added++
}

func (q *linkQueue) room(b *block) []any {
	if b == nil {
		return q.few[:]
	}
	return b.links[:]
}

func (q *linkQueue) growLocked() []any {
	b := blocks.Get().(*block)
	if q.last == nil {
		q.first = b
	} else {
		q.last.next = b
	}
	q.last, q.added = b, 0
	return b.links[:]
}

// emptyLocked reports whether all links were run, and refillLocked has said so.
func (q *linkQueue) emptyLocked() bool { return q.last == nil && q.added == 0 }

// links returns what to run, from at on, until the next refill.
func (q *linkQueue) links() []any { return q.room(q.running)[:q.ready] }

// refillLocked looks for more to run. It reports false when all was run; nothing
// of it is kept then.
func (q *linkQueue) refillLocked() (more bool) {
	for {
		if q.running == q.last {
			q.ready = q.added
		} else {
			q.ready = int32(len(q.room(q.running)))
		}
		if q.at < q.ready {
			return true
		}
		if q.running == q.last {
			q.dropLocked()
			q.last, q.added = nil, 0
			return false
		}
		q.dropLocked()
	}
}

// dropLocked goes on to the block behind the one that was run, or to an empty few.
func (q *linkQueue) dropLocked() {
	clear(q.links())
	q.at, q.ready = 0, 0
	b := q.running
	if b == nil {
		q.running, q.first = q.first, nil
		return
	}
	q.running, b.next = b.next, nil
	blocks.Put(b)
}
