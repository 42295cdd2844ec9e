package reactor

import (
	"runtime"
	"slices"
	"sync"
	"time"
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

// keepCap is the largest backing array, in tasks, that is kept for reuse when the
// loop goes to sleep: a storm leaves no more memory behind than this. A loop that
// never sleeps lets a larger one go after roomyBatches that did not need it.
const (
	keepCap      = 1 << 14
	roomyBatches = 64
)

// inbox is where other goroutines hand tasks to the loop. The loop takes all of
// them at once by exchanging the slice, so that a submission costs one short lock
// however many producers there are, and wakes the loop only if it is parked.
type inbox struct {
	mu     sync.Mutex // guards all that follows; nothing blocks, wakes or runs under it
	tasks  []task
	taken  []task        // the batch that the loop runs; written only by swap
	roomy  int           // batches in a row that a much smaller slice would have held
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
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	if len(in.tasks) == 0 {
		r.beginBatchLocked()
	}
	if n := len(in.tasks); n == cap(in.tasks) {
		in.tasks = slices.Grow(in.tasks, max(n, 16)) // append's own quarter would copy a storm five times
	}
	in.tasks = append(in.tasks, t)
	wake := in.unparkLocked()
	in.mu.Unlock()
	if wake != nil {
		wake <- struct{}{}
	}
	return true
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

// swap makes what waits, and local after it, the batch that the loop runs. The
// slice of the batch before it, which is done, is used again.
func (r *Reactor) swap(local []task) []task {
	in := &r.inbox
	in.mu.Lock()
	spare := in.taken
	clear(spare)
	if cap(spare) > keepCap {
		if len(spare) > cap(spare)/8 {
			in.roomy = 0
		} else if in.roomy++; in.roomy == roomyBatches {
			spare, in.roomy = nil, 0
		}
	}
	in.high = max(in.high, len(in.tasks))
	if len(in.tasks) > 0 {
		r.attn.And(^attnInbox)
	}
	batch, stamp := append(in.tasks, local...), in.stamp
	in.taken, in.tasks, in.stamp = batch, spare[:0], 0
	in.mu.Unlock()
	if stamp != 0 {
		r.lag.Record(r.clock() - stamp)
	}
	return batch
}

// rest is restLocked for a loop that ends its turn without parking. What came since
// it has looked stays in the inbox.
func (r *Reactor) rest() {
	r.loop.batch, r.loop.next = nil, 0
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.restLocked()
}

// restLocked lets go of the batch that has run, and of what a storm has left. The
// loop has dropped its own view of that batch before.
func (in *inbox) restLocked() {
	clear(in.taken)
	in.taken = in.taken[:0]
	if cap(in.taken) > keepCap {
		in.taken = nil
	}
	if len(in.tasks) == 0 && cap(in.tasks) > keepCap {
		in.tasks = nil
	}
}

// park sleeps until there is something to do.
func (r *Reactor) park() {
	in := &r.inbox
	for range 2 {
		runtime.Gosched()
		if r.attn.Load()&attnInbox != 0 {
			return
		}
	}
	r.loop.batch, r.loop.next = nil, 0
	in.mu.Lock()
	in.restLocked()
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
