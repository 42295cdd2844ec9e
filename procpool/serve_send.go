package procpool

import (
	"encoding/binary"
	"time"

	"github.com/trestle-go/trestle/internal/frame"
)

// holdFor is how long a result may wait to be written together with others, while
// there are jobs to run.
const holdFor = 100 * time.Microsecond

// sendFailure says why a job did not return a value.
func (s *server) sendFailure(j *run, err error) {
	s.send(frame.Failure, 0, j.id, newFailure(err, j.f).encode())
}

// send sends a frame whose body is no value.
func (s *server) send(t frame.Type, flags uint8, id uint64, body []byte) {
	s.writing <- struct{}{}
	s.endLoan()
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
	s.endLoan()
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
	switch {
	case len(o.fds) > 0:
	case hold && s.tray.put(o.buf[at:]):
		<-s.writing
		return
	case t == frame.Result && at == 0 && s.tray.lend(o.buf):
		s.lent = len(o.buf)
		<-s.writing
		return
	}
	s.flush()
}

// endLoan sees to what was lent before anything else is written: either the pool has
// it, or it goes first.
func (s *server) endLoan() {
	n := s.lent
	s.lent = 0
	if n == 0 || s.tray.endLoan() {
		return
	}
	s.out.reset()
	s.written += uint64(n)
	s.tray.written(s.written)
}

// flushHeld writes what is in the tray, unless it is lent. It reports whether it is, or
// was, and nothing came after.
func (s *server) flushHeld() (lent bool) {
	s.writing <- struct{}{}
	if s.lent > 0 {
		<-s.writing
		return true
	}
	s.flush()
	return false
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
	<-s.writing
	if err != nil {
		s.poolGone(err)
	}
}
