package procpool

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

// DeferWithProgress is [DeferToProcess] for a function that reports its progress:
// onProgress is called with each value that it gives to [Progress], in order, one
// at a time, on a goroutine of the job's, and the result is there only after the
// last. When onProgress is more than a thousand values behind, or 64 MiB of them, the
// oldest are left out, and that is logged.
func DeferWithProgress[In, Out, P any](ctx context.Context, p *Pool, f *Func[In, Out], in In, onProgress func(P)) *eventual.Result[Out] {
	if p == nil {
		return eventual.Failed[Out](fmt.Errorf("procpool: DeferWithProgress: nil pool"))
	}
	if onProgress == nil {
		return eventual.Failed[Out](p.errorf("DeferWithProgress: nil function"))
	}
	if err := encodable(reflect.TypeFor[P]()); err != nil {
		return eventual.Failed[Out](p.errorf("DeferWithProgress: %w", err))
	}
	q := &progressQueue{p: p}
	q.decode = func(c *codecs, r received) (func(), error) {
		v, err := contained(func() (v P, err error) { err = decodeInto(c.codec, &c.types, r, &v); return v, err })
		r.release()
		return func() { onProgress(v) }, err
	}
	return submit(ctx, "DeferWithProgress", p, f, in, q)
}

// How many values may wait for onProgress, and how many bytes they may have had on
// their way. One may always.
const (
	behind      = 1000
	behindBytes = 64 << 20
)

// progressQueue calls a job's onProgress and then ends the job. Its goroutine is
// there while there is something to call.
type progressQueue struct {
	p      *Pool
	decode func(*codecs, received) (func(), error)

	mu      sync.Mutex // guards what follows; nothing is called under it
	calls   []report
	bytes   int // of calls
	end     func()
	dropped int
	runs    bool
}

// report is a value that waits, and how many bytes it had.
type report struct {
	call func()
	size int
}

// add has one value reported.
func (q *progressQueue) add(c *codecs, r received) {
	size := r.size()
	call, err := q.decode(c, r)
	if err != nil {
		q.p.log.warn("procpool: progress not understood", "error", err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.calls) >= behind || len(q.calls) > 0 && q.bytes+size > behindBytes {
		q.nextLocked()
		q.dropped++
	}
	q.calls = append(q.calls, report{call, size})
	q.bytes += size
	q.startLocked()
}

// finish has end called after the last value.
func (q *progressQueue) finish(end func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.end = end
	q.startLocked()
}

// nextLocked takes the oldest value that waits.
func (q *progressQueue) nextLocked() (call func()) {
	r := q.calls[0]
	q.calls[0] = report{}
	q.calls = q.calls[1:]
	q.bytes -= r.size
	return r.call
}

func (q *progressQueue) startLocked() {
	if !q.runs {
		q.runs = true
		go q.run() // ends when there is nothing to call
	}
}

func (q *progressQueue) run() {
	id := park.Enter(ownerHook{q.p})
	defer park.Leave(id)
	for {
		q.mu.Lock()
		call, dropped := q.end, 0
		switch {
		case len(q.calls) > 0:
			call = q.nextLocked()
		case call != nil:
			q.end, dropped, q.dropped = nil, q.dropped, 0
		default:
			q.runs = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		if dropped > 0 {
			q.p.log.warn("procpool: progress left out, because onProgress is slow", "values", dropped)
		}
		q.call(call)
	}
}

// call runs one function; a panic of it is reported, and if it ends the goroutine
// another goes on.
func (q *progressQueue) call(f func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			q.p.log.warn("procpool: onProgress panicked", "panic", eventual.Recovered(v))
			return
		}
		go q.run() // ends as this one would have
	}()
	f()
	returned = true
}
