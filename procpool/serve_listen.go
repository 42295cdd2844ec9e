package procpool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/frame"
)

// lookOutAfter is how long a job runs until somebody reads what the pool says
// meanwhile. A goroutine for that would have to be woken for each job.
const lookOutAfter = time.Millisecond

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
		if j.began {
			j.ctx.end(cause)
		} else {
			j.canceled = cause
		}
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
	c, called := s.calls[f.ID]
	delete(s.calls, f.ID)
	s.mu.Unlock()
	if called {
		<-s.calling
	}
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
	if j := s.running; j != nil && j.began {
		j.ctx.end(errPoolGone)
	}
	calls := s.calls
	s.calls = nil
	s.mu.Unlock()
	for _, c := range calls {
		if c != nil {
			c <- reply{err: errPoolGone}
		}
		<-s.calling
	}
}

// misunderstood ends a worker that does not understand its pool.
func (s *server) misunderstood(err error) {
	fmt.Fprintln(os.Stderr, "procpool: worker:", err)
	s.exit(1)
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
}

var errPoolGone = errors.New("procpool: the pool is gone")
