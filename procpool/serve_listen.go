package procpool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/frame"
)

// lookOut reads what the pool says while a job runs. It runs on a goroutine of its
// own, and ends when it has read something for the goroutine that serves.
func (s *server) lookOut() {
	if !s.mayLookOut() {
		return
	}
	for !s.lookOnce() {
	}
	s.poke()
}

// mayLookOut reports whether it is time to, and sets the timer again if it is too
// early.
func (s *server) mayLookOut() bool {
	s.flushHeld()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.soon = false, false
	if s.running == nil || s.lookingOut || s.gone {
		return false
	}
	if early := lookOutAfter - time.Since(s.begun); early > 0 {
		s.armed = true
		s.timer.Reset(early)
		return false
	}
	s.lookingOut = true
	return true
}

// lookOnce reads one frame; it reports whether lookOut is to end.
func (s *server) lookOnce() (over bool) {
	f, err := s.r.Next()
	if err != nil {
		s.poolGone(err)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lookingOut = false
		return true
	}
	if f.Type == frame.Job {
		if j := s.job(f); j != nil {
			j.arg = j.arg.keep()
			s.mu.Lock()
			s.backlog = append(s.backlog, j)
			s.mu.Unlock()
		}
	} else {
		s.heard(f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil && (len(s.backlog) > 0 || s.retired || s.gone) {
		s.lookingOut = false
		return true
	}
	return false
}

// heard sees to a frame that is not a job.
func (s *server) heard(f frame.Frame) {
	switch f.Type {
	case frame.Cancel:
		cause := error(eventual.ErrCanceled)
		if f.Flags&frame.Deadline != 0 {
			cause = context.DeadlineExceeded
		}
		s.cancel(f.ID, cause)
	case frame.Recall:
		if s.drop(f.ID) {
			s.send(frame.Returned, 0, f.ID, nil)
			s.dropped()
		}
	case frame.Retire:
		s.mu.Lock()
		s.retired = true
		s.mu.Unlock()
	case frame.Reply, frame.Refusal:
		s.replied(f)
	default:
		s.misunderstood(fmt.Errorf("%v, which pools do not send", f.Type))
	}
}

// cancel cancels the ctx of a job; one that has not begun will not.
func (s *server) cancel(id uint64, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.running; j != nil && j.id == id {
		if j.cancel == nil {
			j.canceled = cause
			return
		}
		j.cancel(cause) // runs nothing of the user's here: AfterFunc has goroutines
		return
	}
	for _, j := range s.backlog {
		if j.id == id {
			j.canceled = cause
		}
	}
}

// drop takes a job that has not begun out of the backlog. Those behind it do not
// begin before dropped is called: the pool must know of it first, or it would take
// the wrong one for the one that runs.
func (s *server) drop(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, j := range s.backlog {
		if j.id == id {
			j.arg.release()
			s.backlog = append(s.backlog[:i:i], s.backlog[i+1:]...)
			s.returning++
			return true
		}
	}
	return false
}

func (s *server) dropped() {
	s.mu.Lock()
	s.returning--
	s.mu.Unlock()
	s.poke()
}

// poke has the goroutine that serves look again.
func (s *server) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// replied hands what a function of the pool's process gave to who has called it.
func (s *server) replied(f frame.Frame) {
	s.mu.Lock()
	c := s.calls[f.ID]
	delete(s.calls, f.ID)
	s.mu.Unlock()
	var r reply
	if f.Type == frame.Refusal {
		fail, err := parseFailure(f.Body)
		if err == nil {
			err = fail.err()
		}
		r.err = err
	} else {
		var mem *memory
		if f.Flags&frame.Encoding == frame.Shared {
			mem, r.err = adoptFrom(s.c, nil, f, s.codecs.limit)
		}
		if r.err == nil {
			r.value, r.err = receive(s.codecs.codec, &s.codecs.types, f, mem)
			r.value = r.value.keep()
		}
	}
	if c == nil { // nobody waits any more
		r.value.release()
		return
	}
	c <- r // has a slot
}

// poolGone: the connection has ended. A process ends here, with everything that it
// has started.
func (s *server) poolGone(err error) {
	if errors.Is(err, errNotOpen) {
		s.misunderstood(errors.New("the program has closed the descriptor of the connection to the pool"))
	}
	s.lost()
	s.mu.Lock()
	s.gone = true
	if j := s.running; j != nil && j.cancel != nil {
		j.cancel(errPoolGone)
	}
	calls := s.calls
	s.calls = nil
	s.mu.Unlock()
	for _, c := range calls {
		c <- reply{err: errPoolGone}
	}
}

// CallParent has the process of the pool run the function that Config.ParentFuncs
// has under name, and waits for what it gives, or until ctx ends. It is called by a
// job, with its ctx or one derived from it, or by goroutines of the job.
func CallParent[In, Out any](ctx context.Context, name string, in In) (Out, error) {
	var zero Out
	j, err := runOf(ctx, "CallParent")
	if err != nil {
		return zero, err
	}
	s := j.s
	fail := func(err error) (Out, error) { return zero, fmt.Errorf("procpool: CallParent %s: %w", name, err) }
	if len(name) > frame.MaxName {
		return fail(fmt.Errorf("a name of %d bytes", len(name)))
	}
	v, err := contained(func() (payload, error) { return encode(s.codecs.encoder, in) })
	if err != nil {
		return fail(err)
	}
	c := make(chan reply, 1)
	s.mu.Lock()
	if s.gone {
		s.mu.Unlock()
		return fail(errPoolGone)
	}
	s.lastCall++
	id := s.lastCall
	s.calls[id] = c
	s.begun, s.armed, s.soon = time.Time{}, true, true
	s.mu.Unlock()
	s.sendValue(frame.Call, id, name, v)
	s.timer.Reset(0) // somebody has to read the answer
	select {
	case r := <-c:
		if r.err != nil {
			return fail(r.err)
		}
		out, err := contained(func() (Out, error) { return decode[Out](s.codecs.codec, &s.codecs.types, r.value) })
		r.value.release()
		if err != nil {
			return fail(err)
		}
		return out, nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.calls, id)
		s.mu.Unlock()
		return fail(context.Cause(ctx))
	}
}

// Progress reports v to who has submitted the job with [DeferWithProgress], and to
// nobody if it was submitted otherwise. It is called by a job, with its ctx or one
// derived from it. v has the type that onProgress takes. It returns when v is on
// its way.
func Progress(ctx context.Context, v any) error {
	j, err := runOf(ctx, "Progress")
	if err != nil {
		return err
	}
	s := j.s
	p, err := contained(func() (payload, error) { return encodeAny(s.codecs.encoder, v) })
	if err != nil {
		return fmt.Errorf("procpool: Progress: %w", err)
	}
	s.sendValue(frame.Progress, j.id, "", p)
	return nil
}

// sendFailure says why a job did not return a value.
func (s *server) sendFailure(j *run, err error) {
	s.send(frame.Failure, 0, j.id, newFailure(err, j.f).encode())
}

// send sends a frame whose body is no value.
func (s *server) send(t frame.Type, flags uint8, id uint64, body []byte) {
	s.writing <- struct{}{}
	s.out.buf = frame.Append(s.out.buf, t, flags, id, "", len(body))
	s.out.buf = append(s.out.buf, body...)
	s.flush()
}

// sendValue sends a frame with a value, and releases it.
func (s *server) sendValue(t frame.Type, id uint64, name string, v payload) {
	s.putValue(t, id, name, v, false)
}

// putValue is sendValue, which leaves the frame in the tray if hold, and if there
// is room.
func (s *server) putValue(t frame.Type, id uint64, name string, v payload, hold bool) {
	if v.encoding == frame.Shared && !s.shares {
		b, err := v.mem.bytes()
		v.release()
		if err != nil {
			s.send(frame.Failure, 0, id, newFailure(err, nil).encode())
			return
		}
		v = payload{encoding: frame.Raw, data: b}
	}
	s.writing <- struct{}{}
	o := &s.out
	at := len(o.buf)
	o.buf = frame.Append(o.buf, t, v.encoding, id, name, 0)
	switch {
	case v.encoding == frame.Shared:
		o.fds = append(o.fds, fdMark{at, v.mem})
		o.buf = binary.BigEndian.AppendUint64(o.buf, uint64(v.mem.size))
	case v.encoding == frame.Encoded && s.codecs.codec == gobCodec:
		o.buf = s.sent.prefix(o.buf, v.key, v.defs)
	}
	o.buf = append(o.buf, v.data...)
	binary.BigEndian.PutUint32(o.buf[at:], uint32(len(o.buf)-at-frame.HeaderSize))
	if hold && len(o.fds) == 0 && s.held == at && s.tray.put(o.buf[at:]) {
		s.held = len(o.buf)
		<-s.writing
		return
	}
	s.flush()
}

// flushHeld writes what is in the tray.
func (s *server) flushHeld() {
	s.writing <- struct{}{}
	s.flush()
}

// flush writes what there is and gives the lock back.
func (s *server) flush() {
	n := len(s.out.buf)
	err := s.out.flush(s.c.write)
	if err != nil {
		s.out.reset()
	}
	if n > 0 && err == nil {
		s.written += uint64(n)
		s.tray.written(s.written)
	}
	s.held = 0
	<-s.writing
	if err != nil {
		s.poolGone(err)
	}
}
