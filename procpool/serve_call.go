package procpool

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/internal/frame"
)

// reply is what CallParent waits for.
type reply struct {
	value received
	err   error
}

// CallParent has the process of the pool run the function that Config.ParentFuncs
// has under name, and waits for what it gives, or until ctx ends. It is called by a
// job, with its ctx or one derived from it, or by goroutines of the job. Of a
// thousand calls or more at the same time some wait for their turn.
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
	id, c, err := s.newCall(ctx)
	if err != nil {
		v.release()
		return fail(err)
	}
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
		s.abandon(id)
		return fail(context.Cause(ctx))
	}
}

// newCall waits until there may be one more call, and returns where its answer will
// be.
func (s *server) newCall(ctx context.Context) (id uint64, answer <-chan reply, err error) {
	select {
	case s.calling <- struct{}{}: // until the answer comes
	case <-ctx.Done():
		return 0, nil, context.Cause(ctx)
	}
	c := make(chan reply, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		<-s.calling // at once: this call has a slot
		return 0, nil, errPoolGone
	}
	s.lastCall++
	s.calls[s.lastCall] = c
	s.begun, s.armed, s.soon = time.Time{}, true, true
	return s.lastCall, c, nil
}

// abandon notes that nobody waits for a call's answer any more.
func (s *server) abandon(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.calls[id]; ok {
		s.calls[id] = nil
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
