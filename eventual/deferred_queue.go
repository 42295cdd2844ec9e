package eventual

import "sync"

// linkQueue holds the links of a chain that were not run, in order: the first few
// in place, those behind them in blocks. It is added to under the Deferred's
// mutex. Whoever drains the chain runs, without it, what was there at the last
// refill: nothing is moved, and neither is in the way of the other.
type linkQueue struct {
	few   [3]any // links, untyped so that all Deferreds can share the blocks
	first *block // behind few; nil when few is over, too
	last  *block // is added to; nil means few
	added int32  // links in last

	// Used by whoever drains the chain alone.
	at      int32  // the next link of running
	running *block // nil means few
	end     *block // what is to be run ends with so many links of it; nil means few
	ready   int32
}

// block is a piece of a long chain, used again by another once its links were run.
type block struct {
	next  *block
	links [31]any // 504 bytes in all, for which 512 are allocated
}

var blocks = sync.Pool{New: func() any { return new(block) }}

// addLocked appends l.
func (q *linkQueue) addLocked(l any) {
	room := q.few[:]
	if q.last != nil {
		room = q.last.links[:]
	}
	if int(q.added) == len(room) {
		room = q.growLocked()
	}
	room[q.added] = l
	q.added++
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

// refillLocked has links give all that was added, and reports whether there is
// anything to run. Of what was run nothing is kept then.
func (q *linkQueue) refillLocked() (more bool) {
	q.end, q.ready = q.last, q.added
	if q.links() != nil {
		return true
	}
	if q.at > 0 {
		q.drop()
		q.last, q.end, q.added, q.ready = nil, nil, 0, 0
	}
	return false
}

// links returns some links of which those from at on are to be run next, or nil
// when all were run that were there at the last refill.
func (q *linkQueue) links() []any {
	for {
		links := q.few[:]
		if q.running != nil {
			links = q.running.links[:]
		}
		if q.running == q.end {
			links = links[:q.ready]
		}
		if int(q.at) < len(links) {
			return links
		}
		if q.running == q.end {
			return nil
		}
		q.drop()
	}
}

// begun is the link before at, which ended the goroutine that ran it.
func (q *linkQueue) begun() any {
	if q.running == nil {
		return q.few[q.at-1]
	}
	return q.running.links[q.at-1]
}

// drop goes on to what is behind the block, or few, that was run.
func (q *linkQueue) drop() {
	q.at = 0
	b := q.running
	if b == nil {
		clear(q.few[:])
		q.running, q.first = q.first, nil
		return
	}
	q.running = b.next
	*b = block{}
	blocks.Put(b)
}
