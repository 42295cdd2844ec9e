package coiterate

import (
	"context"
	"iter"
	"runtime"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/park"
)

// What a task's coroutine says when it hands the turn back.
type handback int

const (
	paused   handback = iota // it waits for its next turn
	returned                 // the sequence has ended
	exited                   // the sequence called runtime.Goexit; the coroutine is ending
)

// refuseWaits is the hook of a task's coroutine: it has the loop's turn.
type refuseWaits struct{}

func (refuseWaits) BeforePark(any) (func(), error) { return nil, eventual.ErrWaitInReactor }

// begin makes the coroutine. Its goroutine ends when the sequence has, which stop
// and Stop bring about.
func (t *Task) begin() {
	t.next, t.stop = iter.Pull(func(yield func(handback) bool) {
		t.yield = yield
		id := park.Enter(refuseWaits{})
		defer park.Leave(id)
		t.c.mu.Lock()
		t.id = id
		t.c.mu.Unlock()
		finished := false
		defer func() {
			if !finished {
				// Goexit would go on in whoever called next, and end the loop's
				// goroutine. Say so instead, and let somebody else end this one.
				yield(exited)
			}
		}()
		t.conclude(t.contained())
		finished = true
		yield(returned)
	})
}

// contained runs the sequence; a panic is its error.
func (t *Task) contained() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = eventual.Recovered(v)
		}
	}()
	return t.body(t)
}

// run gives the task its turn.
func (t *Task) run() {
	c := t.c
	var late error // its ctx has ended before its first turn: it never begins
	if t.ctx != nil && t.ctx.Err() != nil {
		late = context.Cause(t.ctx)
	}
	t.ctx = nil
	c.mu.Lock()
	if t.ending == nil {
		t.ending = late
	}
	ending := t.ending
	c.mu.Unlock()
	if t.next == nil {
		if ending != nil { // it never began
			t.conclude(nil)
			t.release()
			return
		}
		t.begin()
	}
	if t.turns == 0 {
		t.turns = t.cfg.Weight
		t.left = c.cfg.StepsPerTurn * t.cfg.Weight
	}
	switch s, _ := t.next(); s {
	case paused:
		t.goOn()
	case returned:
		t.stop()
		t.release()
	case exited:
		t.conclude(eventual.ErrGoexit)
		go t.stop() // ends with the coroutine's goroutine, at once; the Goexit goes on here
		t.release()
	}
}

// goOn puts a task whose turn is over in line again: in front while it has turns
// left in a row. Where steps are what is counted, these are what is left of them.
func (t *Task) goOn() {
	c := t.c
	if c.cfg.StepsPerTurn == 0 {
		t.turns--
	} else if t.left == 0 {
		t.turns = 0
	}
	c.mu.Lock()
	if t.asleep {
		t.turns = 0
	}
	t.active = false
	submit := c.enqueueLocked(t, t.turns > 0)
	c.mu.Unlock()
	if submit { // not within a turn: a loop that has stopped unwinds it
		c.submit()
	}
}

// conclude notes how the sequence ended: a task that was to end does so with that
// reason, whatever the sequence made of it.
func (t *Task) conclude(err error) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.ending != nil {
		err = t.ending
	}
	t.countLocked()
	t.finished, t.outcome, t.id = true, err, 0
}

// release takes a task that has ended out of the Cooperator, and tells.
func (t *Task) release() {
	c := t.c
	c.mu.Lock()
	c.leaveLocked(t)
	t.active = false
	err := t.outcome
	c.mu.Unlock()
	t.body, t.next, t.stop, t.yield = nil, nil, nil, nil
	t.settle(struct{}{}, err)
}

// countLocked publishes the steps taken.
func (t *Task) countLocked() {
	if !t.told {
		t.progress.Done = t.steps
	}
}

// patience is how often a sequence that is to end may go on regardless before it
// is ended by a Goexit: it would hold the loop for ever.
const patience = 100

// step is what a yield costs. It returns at once while the slice lasts.
func (t *Task) step() error {
	t.steps++
	if c := t.c; t.left == 0 && !c.over.Load() && c.waiting.Clear() {
		return nil
	}
	return t.asked()
}

// asked is step where steps are limited, the turn may be over or the scheduler has to
// be called.
func (t *Task) asked() error {
	limited := t.left > 0
	if limited {
		t.left--
	}
	if limited && t.left == 0 || t.c.over.Load() || t.c.s.Busy() {
		return t.handBack()
	}
	return nil
}

// handBack ends the task's turn and returns in its next. The error says that the
// task is to end.
func (t *Task) handBack() error {
	if err := t.interrupted(); err != nil {
		return err
	}
	t.yield(paused)
	return t.interrupted()
}

func (t *Task) interrupted() error {
	t.c.mu.Lock()
	err := t.ending
	t.countLocked()
	t.c.mu.Unlock()
	if err != nil {
		if t.refused++; t.refused == patience {
			runtime.Goexit()
		}
	}
	return err
}

// await puts the task to sleep until p is done.
func (t *Task) await(p eventual.Pending) error {
	t.steps++
	if err := t.interrupted(); err != nil {
		return err
	}
	if p == nil {
		return t.c.errorf("Await: nothing to wait for")
	}
	c := t.c
	c.mu.Lock()
	t.naps++
	nap := t.naps
	t.asleep = true
	c.mu.Unlock()
	p.OnDone(func() { t.wake(nap) })
	t.yield(paused)
	return t.interrupted()
}

// wake ends the sleep nap. It may be called by any goroutine.
func (t *Task) wake(nap uint64) {
	c := t.c
	c.mu.Lock()
	submit := false
	if t.asleep && t.naps == nap {
		t.asleep = false
		submit = c.enqueueLocked(t, false)
	}
	c.mu.Unlock()
	if submit {
		c.submit()
	}
}
