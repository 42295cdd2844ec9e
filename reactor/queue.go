package reactor

// chunkTasks makes a chunk two kilobytes.
const chunkTasks = 127

// keepChunks is how many empty chunks are kept to be used again: a storm leaves no
// more memory behind than these.
const keepChunks = 128

// queue holds tasks in the order in which they came. It is a list of chunks, so that
// a storm of a million is never copied to a larger place.
type queue struct {
	first, last *chunk
	len         int
}

type chunk struct {
	next  *chunk
	len   int32
	local bool // it belongs to the loop's own spares
	tasks [chunkTasks]task
}

func (q *queue) push(t task, from *spares) {
	c := q.last
	if c == nil || c.len == chunkTasks {
		c = from.get()
		q.link(c, c)
	}
	c.tasks[c.len] = t
	c.len++
	q.len++
}

func (q *queue) link(first, last *chunk) {
	if q.last == nil {
		q.first = first
	} else {
		q.last.next = first
	}
	q.last = last
}

// take moves all of more behind what q has.
func (q *queue) take(more *queue) {
	if more.first == nil {
		return
	}
	q.link(more.first, more.last)
	q.len += more.len
	*more = queue{}
}

// from appends to all the tasks of c, from the one at skip on, and of the chunks behind it.
func (c *chunk) from(skip int, all []task) []task {
	for ; c != nil; c, skip = c.next, 0 {
		all = append(all, c.tasks[skip:c.len]...)
	}
	return all
}

// spares are empty chunks.
type spares struct {
	first *chunk
	len   int
	local bool // they are the loop's own
}

func (s *spares) get() *chunk {
	c := s.first
	if c == nil {
		return &chunk{local: s.local}
	}
	s.first, c.next = c.next, nil
	s.len--
	return c
}

// put empties c and keeps it, if there are not enough of them.
func (s *spares) put(c *chunk) {
	clear(c.tasks[:c.len])
	if c.len = 0; s.len < keepChunks {
		c.next, s.first = s.first, c
		s.len++
	}
}
