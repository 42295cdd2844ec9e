package procpool

import (
	"context"
	"fmt"

	"github.com/trestle-go/trestle/internal/frame"
	"github.com/trestle-go/trestle/internal/park"
)

// ParentFuncs are the functions that workers may call with [CallParent], by name.
type ParentFuncs map[string]ParentFunc

// ParentFunc is a function of the pool's process. [Answer] makes one.
type ParentFunc struct {
	prepare prepareFunc
}

// Answer makes fn one that workers may call. It runs on a goroutine of its own;
// its ctx is that of the job that calls it, and ends with it.
func Answer[In, Out any](fn func(context.Context, In) (Out, error)) ParentFunc {
	if fn == nil {
		return ParentFunc{}
	}
	return ParentFunc{untyped(fn, encode[Out])} // CallParent may have another Out
}

// answer is what a function of the pool's process gave.
type answer struct {
	id      uint64 // of the call
	payload payload
	err     error
}

// maxCalls is how many calls of a worker may be without an answer.
const maxCalls = 1024

// call has a function of the pool's process answer the worker.
func (w *worker) call(f frame.Frame) error {
	w.calls++
	without := w.calls
	if w.writing { // what is being written may have arrived
		without -= w.out.answers
	}
	if without > maxCalls {
		return fmt.Errorf("more than %d calls without an answer", maxCalls)
	}
	r, err := w.receive(f)
	if err != nil {
		return err
	}
	fn, known := w.p.cfg.ParentFuncs[string(f.Name)]
	switch {
	case len(w.line) == 0: // a goroutine that its job has left behind
		r.release()
		w.sendAnswer(answer{id: f.ID, err: context.Canceled})
		return nil
	case !known:
		r.release()
		w.sendAnswer(answer{id: f.ID, err: &edgeError{codeUnknown, fmt.Errorf("the pool has no function %q", f.Name)}})
		return nil
	}
	ctx, id := w.line[0].core().ctx, f.ID
	r = r.keep()
	w.p.callBegins()
	go func() { // ends when the user's function does
		defer w.p.callEnded()
		owner := park.Enter(ownerHook{w.p})
		defer park.Leave(owner)
		protect(func() (payload, error) {
			run, err := fn.prepare(&w.codecs, r)
			if err != nil {
				return payload{}, err
			}
			return run(ctx)
		}, func(v payload, err error) {
			select {
			case w.answers <- answer{id, v, err}:
			case <-w.over:
				v.release()
			}
		})
	}()
	return nil
}

// callBegins and callEnded count what a stopping pool waits for besides workers.
func (p *Pool) callBegins() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
}

func (p *Pool) callEnded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls--
	p.settleLocked()
}

// answered notes that the answers in out were written.
func (w *worker) answered() {
	w.calls -= w.out.answers
	w.out.answers = 0
}

// sendAnswer tells the worker what its call gave.
func (w *worker) sendAnswer(a answer) {
	w.outbox().answers++
	if a.err != nil {
		w.putFrame(frame.Refusal, 0, a.id, newFailure(a.err, nil).encode())
		return
	}
	w.put(frame.Reply, a.id, "", 0, a.payload)
	a.payload.release()
}
