package reactor

import (
	"sync"
	"time"

	"github.com/trestle-go/trestle/internal/park"
)

// task is one thing for the loop to do.
type task interface {
	run()
	// abort is called instead of run when the reactor stops first.
	abort(cause error)
}

// call is a task that nobody holds a result of.
type call func()

func (f call) run()      { f() }
func (call) abort(error) {}

// inbox is where other goroutines hand tasks to the loop. The loop takes all of
// them at once, so that a submission costs one short lock however many producers
// there are, and wakes the loop only if it is parked.
type inbox struct {
	mu     sync.Mutex // guards all that follows; nothing blocks, wakes or runs under it
	tasks  queue
	spares spares
	taken  queue         // the batch that the loop runs, but for the chunks that it is done with
	high   int           // the longest that tasks ever was
	batch  uint64        // batches begun; every 16th is stamped
	stamp  time.Duration // when the first of a stamped batch came; 0 if not stamped
	parked bool          // the loop sleeps on wake, or is about to
	closed bool          // refuse
	wake   chan struct{} // one slot; made where the loop starts; sent to only by whoever turned parked off
}

// post hands t over. It reports false when the reactor has stopped.
func (r *Reactor) post(t task) bool {
	if r.onLoop() {
		return r.postLocal(t)
	}
	in := &r.inbox
	in.lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	if in.tasks.len == 0 {
		r.beginBatchLocked()
	}
	in.tasks.push(t, &in.spares)
	wake := in.unparkLocked()
	in.mu.Unlock()
	if wake != nil {
		wake <- struct{}{}
	}
	return true
}

// lock is mu.Lock for those who submit. Where many do, on processors that all have
// more of them to run, the lock is taken now and then, and to sleep on it would cost
// the one who has it, too: it would have to wake the other. A turn of the scheduler
// later it is free.
func (in *inbox) lock() {
	if in.mu.TryLock() {
		return
	}
	chance := park.DrawAny()
	chance.Yield()
	in.mu.Lock()
}

func (r *Reactor) beginBatchLocked() {
	r.attn.Or(attnInbox)
	if r.inbox.batch++; r.inbox.batch%16 == 0 {
		r.inbox.stamp = r.clock()
	}
}

// unparkLocked returns the channel to send to if the loop must be woken. The
// send never blocks: the slot is empty while parked is on.
func (in *inbox) unparkLocked() chan struct{} {
	if !in.parked {
		return nil
	}
	in.parked = false
	return in.wake
}

// nudge wakes the loop, if it is parked, to look at attn.
func (r *Reactor) nudge() {
	r.inbox.mu.Lock()
	wake := r.inbox.unparkLocked()
	r.inbox.mu.Unlock()
	if wake != nil {
		wake <- struct{}{}
	}
}

// swap makes what waits, and local after it, the batch that the loop runs; the batch
// before it is done.
func (r *Reactor) swap() {
	in, l := &r.inbox, &r.loop
	in.mu.Lock()
	for in.taken.first != nil {
		r.dropChunkLocked()
	}
	in.high = max(in.high, in.tasks.len)
	if in.tasks.len > 0 {
		r.attn.And(^attnInbox)
	}
	in.taken = in.tasks
	in.tasks = queue{}
	in.taken.take(&l.local)
	l.chunk, l.next, l.left = in.taken.first, 0, in.taken.len
	l.batch = l.left
	stamp := in.stamp
	in.stamp = 0
	in.mu.Unlock()
	if stamp != 0 {
		r.lag.Record(r.clock() - stamp)
	}
}

// nextChunk goes on to the next chunk of the batch.
func (r *Reactor) nextChunk() {
	in := &r.inbox
	in.mu.Lock()
	r.dropChunkLocked()
	r.loop.chunk, r.loop.next = in.taken.first, 0
	in.mu.Unlock()
}

// dropChunkLocked lets go of the first chunk of the batch, which has run.
func (r *Reactor) dropChunkLocked() {
	in := &r.inbox
	c := in.taken.first
	if in.taken.first = c.next; in.taken.first == nil {
		in.taken.last = nil
	}
	if c.local {
		r.loop.spares.put(c)
	} else {
		in.spares.put(c)
	}
}

// rest lets go of the batch that has run, where the loop ends its turn.
func (r *Reactor) rest() {
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.restLocked()
}

func (r *Reactor) restLocked() {
	for r.inbox.taken.first != nil {
		r.dropChunkLocked()
	}
	r.loop.chunk = nil
}

// yields is how often the loop yields the processor before it parks, when the last
// that it had was a single task: whoever waits for that often goes on to call again,
// and two yields cost less than being parked and woken. After more than one task
// there is a producer that need not wait, and the longer the loop sleeps the more it
// finds.
const yields = 2

// chance is that to yield before parking, which is none after more than one task.
func (r *Reactor) chance() park.Chance {
	l := &r.loop
	if l.batch > 1 {
		return park.Chance{}
	}
	l.naps++
	return park.Draw(l.naps)
}

// park sleeps until there is something to do.
func (r *Reactor) park() {
	in := &r.inbox
	chance := r.chance()
	for n := 0; n < yields && chance.Yield(); n++ {
		if r.attn.Load()&(attnInbox|attnTimer|attnStop) != 0 {
			return
		}
	}
	in.mu.Lock()
	r.restLocked()
	if r.attn.Load()&(attnInbox|attnTimer|attnStop) != 0 {
		in.mu.Unlock()
		return
	}
	in.parked = true
	in.mu.Unlock()
	r.publish()
	r.idle()
	<-in.wake
	r.awake()
}
