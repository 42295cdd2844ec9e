package procpool

import (
	"time"

	"github.com/trestle-go/trestle/internal/frame"
	"github.com/trestle-go/trestle/internal/park"
)

// main starts the process and sees to it until it has ended.
func (w *worker) main() {
	c, err := w.p.startChild(w)
	if err != nil {
		defer w.p.gone(w, nil) // also if what startFailed calls ends the goroutine
		id := park.Enter(ownerHook{w.p})
		defer park.Leave(id)
		w.p.startFailed(w, err)
		return
	}
	w.child = c
	w.oom = w.p.oom.read()
	w.p.mu.Lock()
	w.pid = c.process.pid()
	w.p.mu.Unlock()
	w.output = w.p.log.follow(w.id, c)
	w.timer = time.NewTimer(time.Hour)
	w.due.serve = later(w.p.clock(), w.p.cfg.StartTimeout)
	w.arm()
	go func() { w.exited <- c.process.wait() }()           // ends with the process
	go w.read(frame.NewReader(w.readSome, w.p.maxFrame())) // ends with the connection
	w.loop()
}

// loop sees to everything but what the worker writes, until its process has ended
// and all that it wrote was read. If a function that a user's OnDone has called
// ends the goroutine, another goes on where it stood.
func (w *worker) loop() {
	id := park.Enter(ownerHook{w.p})
	returned := false
	defer func() {
		park.Leave(id)
		if !returned {
			go w.loop() // ends as this one would have
		}
	}()
	for !w.ended {
		if w.await() {
			w.ended = true // first: what follows may end the goroutine
			w.end()
		}
	}
	returned = true
}

// ownerHook marks the goroutines that a stopping pool waits for: those that own
// workers, call onProgress or run ParentFuncs. They may wait, but a Stop that is
// called on one must not wait for its own goroutine.
type ownerHook struct{ p *Pool }

func (ownerHook) BeforePark(any) (func(), error) { return nil, nil }

// await waits for something to happen, and sees to it. It reports whether that was
// the last; then it keeps the worker.
func (w *worker) await() (over bool) {
	var happened func()
	select {
	case <-w.kick:
		happened = func() { defer w.lookUp(); w.collect() }
	case <-w.timer.C:
		happened = func() { w.armed = 0; w.tick() }
	case err := <-w.wrote:
		happened = func() { w.writeEnded(err) }
	case a := <-w.answers:
		happened = func() { w.sendAnswer(a) }
	case status := <-w.exited:
		happened = func() { w.processEnded(status) }
	}
	w.own <- struct{}{}
	defer func() { // also if a function that a user's OnDone has called ends the goroutine
		if !over {
			w.disown()
		}
	}()
	happened()
	return w.status != nil && w.readErr != nil
}

// disown writes what the worker is to be told, and lets others have it.
func (w *worker) disown() {
	w.flush()
	w.arm()
	<-w.own
}

// attend has the worker look at what p.mu guards, t above all: here and now if nobody
// has it, so that no other goroutine need be woken. It runs no user code and does not
// wait.
func (w *worker) attend(t task) {
	select {
	case w.own <- struct{}{}:
		defer w.disown() // also if a job in the queue ends only now, and who is told ends the goroutine
		w.lookUp()
		w.sendAndLook(t)
	default:
		w.wake()
	}
}

func (w *worker) writeEnded(err error) {
	w.writing = false
	if err != nil {
		w.broken(err)
		return
	}
	w.answered()
	w.noteSent()
	w.out, w.next = w.next, w.out
}

func (w *worker) processEnded(status exit) {
	w.status = &status
	w.due = deadlines{}
	w.child.conn.stopReading(lastWords)
	w.toState(Dying)
}

// read reads what the worker writes, and sees to it. If a function that a user's
// OnDone has called ends the goroutine, another goes on where it stood.
func (w *worker) read(r *frame.Reader) {
	id := park.Enter(ownerHook{w.p})
	returned := false
	defer func() {
		park.Leave(id)
		if !returned {
			go w.read(r) // ends as this one would have
		}
	}()
	for w.readErr == nil { // nobody else writes it
		if !w.handling {
			b := w.receiveBatch(r)
			w.own <- struct{}{}
			w.batch, w.handling = b, true
		}
		w.handleBatch()
		w.handling = false
		w.disown()
	}
	w.wake() // that may have been the last
	returned = true
}

// receiveBatch waits for frames, and takes all that are there.
func (w *worker) receiveBatch(r *frame.Reader) (b batch) {
	b.frames = w.batch.frames[:0]
	for {
		f, err := r.Next()
		if err != nil {
			b.err = err
			return b
		}
		b.frames = append(b.frames, f)
		if !r.Buffered() {
			return b
		}
	}
}

// readSome reads from the connection, and once that has ended from what a dead
// worker has left.
func (w *worker) readSome(b []byte) (int, error) {
	n, err := w.child.conn.read(b)
	if n == 0 && err != nil {
		w.own <- struct{}{} // somebody may be about to take it
		if !w.lastRead {
			w.lastRead, w.mayRest = true, trayRoom
		}
		if n = w.tray.rest(w.came+w.taken, b[:min(len(b), w.mayRest)]); n > 0 {
			err = nil
			w.mayRest -= n // whoever else has the memory may go on writing
		}
		<-w.own
	}
	w.came += uint64(n)
	return n, err
}

// maxFrame is how long a frame's payload may be: a value with its gob definitions
// and a name, or the report of a failure.
func (p *Pool) maxFrame() int { return p.cfg.MaxPayload + 1<<20 }

// handleBatch looks at what came in.
func (w *worker) handleBatch() {
	b := &w.batch
	for b.next < len(b.frames) {
		f := b.frames[b.next]
		b.next++ // first: what follows may end the goroutine
		w.handled += uint64(f.Size())
		if w.killed == killViolation {
			continue
		}
		if err := w.handle(f); err != nil {
			w.violation(err)
		}
	}
	if b.err != nil {
		w.readEnded(b.err)
		return
	}
	w.collect()
	w.refill()
}
