package reactor

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/goroutine"
)

// watchdog notices a callback that holds the loop. It asks the loop, by a bit of
// attn, to show that a callback has ended, and looks half a threshold later: the
// loop pays for that one atomic load a callback, which it does anyway. It sleeps
// when the loop does.
type watchdog struct {
	period   time.Duration // half the threshold; 0: never
	asleep   atomic.Bool   // the loop must wake it when it wakes
	mu       sync.Mutex    // guards what follows; nothing is called under it
	timer    *time.Timer   // calls look; nil before Start and after Stop
	held     int           // looks in a row that found no callback ended
	reported bool          // this stall
}

func (r *Reactor) startWatchdog() {
	w := &r.watchdog
	if r.cfg.StallThreshold < 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.period = max(r.cfg.StallThreshold/2, time.Millisecond/2)
	w.timer = time.AfterFunc(w.period, r.look)
}

func (r *Reactor) stopWatchdog() {
	w := &r.watchdog
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// wake is called by the loop when it wakes and the watchdog sleeps.
func (w *watchdog) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asleep.Swap(false) && w.timer != nil {
		w.held, w.reported = 0, false
		w.timer.Reset(w.period)
	}
}

// look runs on a goroutine of the runtime's, every period while the loop is awake.
func (r *Reactor) look() {
	w := &r.watchdog
	r.inbox.mu.Lock()
	parked := r.inbox.parked
	r.inbox.mu.Unlock()
	held := r.attn.Load()&attnMark != 0
	w.mu.Lock()
	if w.timer == nil {
		w.mu.Unlock()
		return
	}
	if parked {
		r.attn.And(^attnMark)
		w.held, w.reported = 0, false
		w.asleep.Store(true)
		w.mu.Unlock()
		// The loop may have woken without seeing that the watchdog sleeps.
		if r.meter.woke.Load() != 0 {
			w.wake()
		}
		return
	}
	if held {
		w.held++
	} else {
		w.held, w.reported = 0, false
		r.attn.Or(attnMark)
	}
	stall := w.held >= 2 && !w.reported
	if stall {
		w.reported = true
	}
	w.timer.Reset(w.period)
	w.mu.Unlock()
	if stall {
		r.reportStall(w.period * time.Duration(2))
	}
}

func (r *Reactor) reportStall(atLeast time.Duration) {
	stack := r.stack()
	if r.attn.Load()&attnMark == 0 {
		return // it ended meanwhile: the stack is somebody else's
	}
	if r.coID.Load() == 0 && !strings.Contains(stack, ".(*Reactor).runTask(") {
		return // no callback runs: it is the loop that waits for a processor
	}
	r.stalls.Add(1)
	r.log().Warn("reactor: callback holds the reactor", "reactor", r.cfg.Name, "for_at_least", atLeast, "stack", stack)
}

// stack returns the stack of whatever has the loop's turn.
func (r *Reactor) stack() string {
	if id := r.coID.Load(); id != 0 {
		return goroutine.Stack(id)
	}
	return goroutine.Stack(r.loopID.Load())
}
