package procpool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/internal/frame"
)

// handle sees to one frame. An error is a breach of the protocol.
func (w *worker) handle(f frame.Frame) error {
	switch f.Type {
	case frame.Hello:
		return w.hello(f)
	case frame.Ready:
		return w.ready(f)
	case frame.Result, frame.Failure:
		return w.outcome(f)
	case frame.Progress:
		return w.progress(f)
	case frame.Call:
		return w.call(f)
	case frame.Returned:
		return w.returned(f)
	}
	return fmt.Errorf("%v, which workers do not send", f.Type)
}

// receive takes the value of a frame.
func (w *worker) receive(f frame.Frame) (received, error) {
	var mem *memory
	if f.Flags&frame.Encoding == frame.Shared {
		var err error
		if mem, err = adoptFrom(w.child.conn, nil, f, w.codecs.limit); err != nil {
			return received{}, err
		}
	}
	r, err := receive(w.codecs.codec, &w.codecs.types, f, mem)
	if err == nil {
		err = fits(len(r.data), w.codecs.limit)
	}
	if err != nil {
		r.release()
		return r, fmt.Errorf("%v: %w", f.Type, err)
	}
	return r, nil
}

// adoptFrom takes the shared memory that belongs to f.
func adoptFrom(c conn, seen *mappings, f frame.Frame, limit int) (*memory, error) {
	fd, err := c.takeFD()
	if err != nil {
		return nil, fmt.Errorf("shared memory %w", err)
	}
	if len(f.Body) != 8 {
		closeFD(fd)
		return nil, fmt.Errorf("shared memory with a body of %d bytes, want 8", len(f.Body))
	}
	return adoptMemory(seen, fd, binary.BigEndian.Uint64(f.Body), limit)
}

// outcome ends the job that runs.
func (w *worker) outcome(f frame.Frame) error {
	if len(w.line) == 0 || w.line[0].core().id != f.ID {
		return fmt.Errorf("%v of job %d, which does not run", f.Type, f.ID)
	}
	t := w.line[0]
	j := t.core()
	var err error
	var r received
	if f.Type == frame.Failure {
		fail, bad := parseFailure(f.Body)
		if bad != nil {
			return bad
		}
		err = w.failed(j, fail)
	} else if r, err = w.receive(f); err != nil {
		return err
	}
	w.shift()
	if err != nil {
		t.fail(err)
		return nil
	}
	t.succeed(&w.codecs, r)
	return nil
}

// failed is the error of a job that ended with a failure.
func (w *worker) failed(j *jobCore, f failure) error {
	remote := f.err()
	switch {
	case j.asked == stopTimeUp:
		return &TimeoutError{After: w.p.clock() - j.begun, component: w.p.component, job: j.f.name, cause: remote}
	case f.Code == codeDeadline && w.timeLimitPassed(j):
		return &TimeoutError{After: w.p.clock() - j.begun, component: w.p.component, job: j.f.name, cause: remote}
	case j.asked == stopCanceled && f.Code == codeCanceled:
		return w.p.canceled(j)
	case j.asked == stopPool && f.Code == codeCanceled:
		return w.p.errStopped
	case f.Code == codeUnknown:
		return fmt.Errorf("%s: %w: %s", w.p.component, ErrUnknownFunction, j.f.name)
	case f.Code == codeDecode || f.Code == codeEncode:
		return w.p.errorf("%s: %w", j.f.name, remote)
	}
	return remote
}

// timeLimitPassed: the worker's clock may be ahead of the pool's timer.
func (w *worker) timeLimitPassed(j *jobCore) bool {
	limit := w.timeLimit(j, j.begun)
	if !j.deadline.IsZero() && time.Until(j.deadline) <= time.Millisecond {
		return true
	}
	return limit != 0 && w.p.clock() >= limit-time.Millisecond
}

// shift takes the job that has ended out of the line.
func (w *worker) shift() {
	w.tray.unwatch()
	p := w.p
	now := p.clock()
	took := now - w.begun
	w.pace += (took - w.pace) / 4
	p.runTimes.Record(took)
	j := w.line[0].core()
	w.line[0] = nil
	if w.line = w.line[1:]; len(w.line) == 0 {
		w.line = nil
	}
	w.jobEnded()
	heavy := p.cfg.MaxRSS > 0 && usage(w.child.process.pid()).rss > p.cfg.MaxRSS
	p.mu.Lock()
	w.jobs++
	w.current, w.since = nil, now
	j.worker = nil
	if p.trouble.overLocked() {
		p.growLocked()
	}
	if w.state == Canceling {
		w.setLocked(Busy)
	}
	w.spent = w.spent || heavy
	p.mu.Unlock()
	if len(w.line) > 0 {
		w.first()
	}
}

// returned takes back a job that was sent ahead and has not begun.
func (w *worker) returned(f frame.Frame) error {
	for i, t := range w.line {
		j := t.core()
		if j.id != f.ID || !j.recalled {
			continue
		}
		w.line = append(w.line[:i:i], w.line[i+1:]...)
		w.tray.unwatch()
		if i == 0 { // the one before it has ended meanwhile, and it may have been asked to stop
			w.jobEnded()
			w.toState(Busy)
			if len(w.line) > 0 {
				w.first()
			}
		}
		w.giveBack(t)
		return nil
	}
	return fmt.Errorf("returned job %d, which was not called back", f.ID)
}

// giveBack puts a job that has not begun into the queue again, unless it is not to
// run any more.
func (w *worker) giveBack(t task) {
	p := w.p
	p.mu.Lock()
	unwanted := p.putBackLocked([]task{t})
	p.mu.Unlock()
	for _, t := range unwanted {
		t.fail(p.unwanted(t.core()))
	}
}

func (w *worker) progress(f frame.Frame) error {
	r, err := w.receive(f) // in any case: it may define types, or have brought a descriptor
	if err != nil {
		return err
	}
	if len(w.line) > 0 && w.line[0].core().id == f.ID { // else of a goroutine that its job has left behind
		if q := w.line[0].core().progress; q != nil {
			q.add(&w.codecs, r)
			return nil
		}
	}
	r.release()
	return nil
}

// put writes a frame with a value. limit is there for a Job only.
func (w *worker) put(t frame.Type, id uint64, name string, limit time.Duration, v payload) {
	o := w.outbox()
	if v.encoding == frame.Shared && !w.shares {
		b, err := v.mem.bytes()
		if err != nil { // cannot be: we have written them
			w.violation(err)
			return
		}
		v = payload{encoding: frame.Raw, data: b}
	}
	at := len(o.buf)
	o.buf = frame.Append(o.buf, t, v.encoding, id, name, 0)
	if t == frame.Job {
		o.buf = binary.BigEndian.AppendUint64(o.buf, uint64(limit/time.Microsecond))
	}
	switch {
	case v.encoding == frame.Shared:
		o.fds = append(o.fds, fdMark{at, v.mem.share()})
		o.buf = binary.BigEndian.AppendUint64(o.buf, uint64(v.mem.size))
	case v.encoding == frame.Encoded && w.codecs.codec == gobCodec:
		o.buf = w.sent.prefix(o.buf, v.key, v.defs)
	}
	o.buf = append(o.buf, v.data...)
	binary.BigEndian.PutUint32(o.buf[at:], uint32(len(o.buf)-at-frame.HeaderSize))
}

// putFrame writes a frame whose body is no value.
func (w *worker) putFrame(t frame.Type, flags uint8, id uint64, body []byte) {
	o := w.outbox()
	o.buf = frame.Append(o.buf, t, flags, id, "", len(body))
	o.buf = append(o.buf, body...)
}

func (w *worker) outbox() *outbox {
	if w.writing {
		return &w.next
	}
	return &w.out
}

// flush writes what there is to write. It never waits: what the connection has no
// room for is left to a goroutine, so that a worker that does not read, because it
// was stopped or is busy otherwise, cannot hold up those who see to its time.
func (w *worker) flush() {
	if w.writing || w.out.empty() || w.status != nil {
		return
	}
	if len(w.out.fds) == 0 && w.tray.hand(w.out.buf[w.out.sent:], w.sentSize) {
		w.sentSize += uint64(len(w.out.buf) - w.out.sent)
		w.out.reset()
		w.answered()
		return
	}
	err := w.out.flush(w.child.conn.tryWrite)
	w.noteSent()
	switch {
	case errors.Is(err, errFull):
		w.writing = true
		go func() { w.wrote <- w.out.flush(w.child.conn.write) }() // ends when all is written or the connection is closed
	case err != nil:
		w.broken(err)
	default:
		w.answered()
	}
}

// noteSent counts what was written of out. While another goroutine writes, it is not
// known.
func (w *worker) noteSent() {
	if n := w.out.gone; n > 0 && !w.writing {
		w.out.gone = 0
		w.sentSize += n
		w.tray.sentUpTo(w.sentSize)
	}
}
