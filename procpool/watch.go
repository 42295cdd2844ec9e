package procpool

import (
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/frame"
	"github.com/trestle-go/trestle/internal/park"
)

// AssistWait has the goroutine that waits for the job take its result from the worker
// itself, if the worker runs nothing else and has lately been quick. Otherwise it would
// be woken by the goroutine that reads, which the poller has woken: each time the
// runtime starts another thread, and these get in the way of the worker.
//
// It takes no more than the outcome of this job. Whatever else comes is for those who
// see to the worker anyway.
func (j *job[Out]) AssistWait(timeout time.Duration) {
	if j.p.cfg.InProcess { // no tray; and what its workers have may belong to a synctest bubble
		return
	}
	w := j.watchable()
	if w == nil || !j.quiet() || !mayWatch() {
		return
	}
	defer watching.Add(-1)
	if tray := w.watch(j); tray != nil {
		defer tray.close()
		tray.sleep(min(timeout, lookFor))
		if tray.unwatch() {
			w.takeLent(j)
		}
	}
}

// watchable returns the worker that has j; nil if there is none, or more to do.
func (j *jobCore) watchable() *worker {
	p := j.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queue.len() > 0 {
		return nil
	}
	return j.worker
}

// watching is how many goroutines there are that watch for a result, each with a
// thread that sleeps.
var watching atomic.Int32

// mayWatch counts one more, unless it would leave too few processors to the other
// goroutines until the runtime notices.
func mayWatch() bool {
	if watching.Add(1) <= int32(runtime.GOMAXPROCS(0)/2) {
		return true
	}
	watching.Add(-1)
	return false
}

// quiet reports whether to decode the result runs no code but ours: then it does not
// matter on which goroutine.
func (j *job[Out]) quiet() bool {
	return j.p.encoder.codec == gobCodec && !gobTypeOf(reflect.TypeFor[box[Out]]()).runsCode
}

// watch has the worker lend the result of t, if that is worth while. The tray that it
// returns is to be closed.
func (w *worker) watch(t task) *tray {
	select {
	case w.own <- struct{}{}:
	default: // something happens
		return nil
	}
	defer func() { <-w.own }()
	if !w.runsQuickly(t) || !w.tray.watch() {
		return nil
	}
	w.tray.use()
	return w.tray
}

// runsQuickly reports whether t is all that the worker has, and will probably soon have
// run.
func (w *worker) runsQuickly(t task) bool {
	return len(w.line) == 1 && w.line[0].core() == t.core() && w.pace < short && w.status == nil && w.killed == killNot && !w.lastRead
}

// takeLent takes the result of t, which was lent, or leaves what there is to main.
func (w *worker) takeLent(t task) {
	select {
	case w.own <- struct{}{}:
	default:
		w.wake()
		return
	}
	defer w.disown() // also if a function that was given to OnDone, of this job or of one in the queue, ends the goroutine
	if len(w.line) == 0 || w.line[0].core() != t.core() {
		w.wake()
		return
	}
	id := park.Enter(ownerHook{w.p})
	defer func() {
		park.Leave(id)
		w.refill()
	}()
	w.collect()
}

// sendAndLook sends what there is, and takes the result of t, which was just submitted,
// if it is there at once: a worker on the same processor runs before this goroutine
// does again.
func (w *worker) sendAndLook(t task) {
	if w.writing || w.out.empty() || !w.runsQuickly(t) || !t.quiet() || !w.tray.watch() {
		return
	}
	w.flush()
	if w.tray.unwatch() {
		w.collect()
		w.refill()
	}
}

// collect sees to the result that the worker has lent, if it is next. Otherwise what
// comes before it is on its way, and who sees to that looks again.
func (w *worker) collect() {
	if w.lastRead {
		return
	}
	w.loan = w.tray.take(w.handled, w.loan[:0])
	if len(w.loan) == 0 {
		return
	}
	w.taken += uint64(len(w.loan))
	w.handled += uint64(len(w.loan))
	if err := w.lentOutcome(); err != nil {
		w.violation(err)
	}
}

// lentOutcome ends the job whose result is in loan. It is no descriptor's: these are
// for who reads.
func (w *worker) lentOutcome() error {
	f, err := frame.Parse(w.loan)
	switch {
	case err != nil:
		return err
	case f.Type != frame.Result || f.Flags&frame.Encoding == frame.Shared:
		return fmt.Errorf("%v with flags %#x, which is not lent", f.Type, f.Flags)
	}
	return w.outcome(f)
}
