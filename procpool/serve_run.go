package procpool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/frame"
)

// run is a job in the worker.
type run struct {
	s        *server
	id       uint64
	f        *function // nil: unknown
	name     string
	arg      received
	limit    time.Duration // 0: none
	ctx      jobContext
	began    bool        // guarded by s.mu
	canceled error       // before it began; guarded by s.mu
	ended    atomic.Bool // what it has left behind may not speak for it
}

// job makes a job of its frame. Its argument is valid until the next is read.
func (s *server) job(f frame.Frame) *run {
	if len(f.Body) < 8 {
		s.misunderstood(errors.New("a job without a time limit"))
		return nil
	}
	j := &run{s: s, id: f.ID, f: registry.find(f.Name), limit: time.Duration(binary.BigEndian.Uint64(f.Body)) * time.Microsecond}
	if j.f == nil {
		j.name = string(f.Name)
	}
	f.Body = f.Body[8:]
	var mem *memory
	var err error
	if f.Flags&frame.Encoding == frame.Shared {
		if mem, err = adoptFrom(s.c, &s.seen, f, s.codecs.limit); err == nil {
			s.reserve.hold(mem.size)
		}
	}
	if err == nil {
		j.arg, err = receive(s.codecs.codec, &s.codecs.types, f, mem)
	}
	if err != nil {
		s.misunderstood(err)
		return nil
	}
	return j
}

// run runs a job and sends what it gave.
func (s *server) run(j *run) {
	prepared := false
	defer func() {
		if !prepared { // a decoder of the user's has ended the goroutine
			s.end(j)
			s.sendFailure(j, &edgeError{codeDecode, fmt.Errorf("decoding the argument: %w", eventual.ErrGoexit)})
		}
	}()
	call, err := s.begin(j)
	prepared = true
	if err != nil {
		s.end(j)
		s.sendFailure(j, err)
		return
	}
	protect(func() (payload, error) { return call(&j.ctx) }, func(v payload, err error) {
		hold := s.end(j)
		if err != nil {
			s.sendFailure(j, err)
			return
		}
		s.putValue(frame.Result, j.id, "", v, hold)
	})
}

// begin makes everything ready for the call of the function.
func (s *server) begin(j *run) (call runFunc, err error) {
	if j.f == nil {
		j.arg.release()
		err = &edgeError{codeUnknown, fmt.Errorf("no function %q is registered", j.name)}
	} else {
		call, err = j.f.prepare(&s.codecs, j.arg)
	}
	j.arg = received{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = j.canceled
	}
	if err != nil {
		return nil, err
	}
	s.running, s.begun, j.began = j, time.Now(), true
	j.ctx.run = j
	if j.limit > 0 {
		j.ctx.deadline = s.begun.Add(j.limit)
	}
	if !s.armed { // it is left running from job to job: to set it each time would cost more than the jobs
		s.armed = true
		s.timer.Reset(lookOutAfter)
	}
	if s.gone {
		j.ctx.end(errPoolGone)
	}
	return call, nil
}

// end reports whether what j gave may wait to be written: the next job is there.
// Then the timer sees to it that it does not wait for a long one.
func (s *server) end(j *run) (hold bool) {
	s.mu.Lock()
	s.running = nil
	if hold = s.tray != nil && !s.lookingOut && s.r.Buffered(); hold && !s.soon {
		s.soon, s.armed = true, true
		s.timer.Reset(holdFor)
	}
	s.mu.Unlock()
	j.ended.Store(true)
	j.ctx.end(nil)
	return hold
}

// runOf returns the job that ctx belongs to.
func runOf(ctx context.Context, op string) (*run, error) {
	if ctx == nil {
		return nil, fmt.Errorf("procpool: %s: nil ctx", op)
	}
	j, ok := ctx.Value(runKey{}).(*run)
	switch {
	case !ok:
		return nil, fmt.Errorf("procpool: %s: the ctx is not that of a job in a worker", op)
	case j.ended.Load():
		return nil, fmt.Errorf("procpool: %s: the job has ended", op)
	}
	return j, nil
}
