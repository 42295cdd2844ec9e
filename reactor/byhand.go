package reactor

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/trestle-go/trestle/internal/byhand"
	"github.com/trestle-go/trestle/internal/park"
)

func init() { byhand.New = newByHand }

// handDriven is a reactor without a loop, for package reactortest: whoever pumps
// it has the loop's turn, on a clock that stands still until it is moved.
type handDriven struct {
	r     *Reactor
	now   atomic.Int64 // on the reactor's clock
	ended bool         // teardown has finished
}

func newByHand(name string, log *slog.Logger) (any, byhand.Driver) {
	r := New(Config{Name: name, Logger: log, StallThreshold: -1})
	h := &handDriven{r: r}
	h.now.Store(1)
	r.hand = h
	r.state = running
	r.ended = make(chan struct{})
	r.inbox.wake = make(chan struct{}, 1)
	return r, h
}

// Pump lets a Goexit of a callback end the calling goroutine: a test's FailNow
// does what it does anywhere else.
func (h *handDriven) Pump() int {
	r := h.r
	if r.onLoop() {
		r.log().Error("reactor: pumped by its own callback, which does nothing", "reactor", r.cfg.Name)
		return 0
	}
	id := park.Enter(refuseWaits{})
	r.loopID.Store(id)
	defer func() {
		r.loop.once = false
		r.loopID.Store(0)
		park.Leave(id)
	}()
	before := r.callbacks.Load()
	r.loop.once = true
	for again := true; again; { // a turn of the loop takes a limited number of timers
		r.attn.Or(attnTimer)
		for !r.serve() {
		}
		d, ok := h.Next()
		again = ok && d == 0 && !r.loop.stopping
	}
	if r.loop.stopping && !h.ended {
		h.ended = true
		r.finished()
	}
	return int(r.callbacks.Load() - before)
}

func (h *handDriven) Next() (time.Duration, bool) {
	when, ok := h.r.timers.first()
	return max(when-h.r.clock(), 0), ok
}

func (h *handDriven) Move(d time.Duration) { h.now.Add(int64(d)) }

// Stop in a callback only begins the shutdown, which needs the loop's turn.
func (h *handDriven) Stop() error {
	if h.r.onLoop() {
		h.r.beginStop(context.Background())
		return nil
	}
	select {
	case <-h.r.done:
	default:
		h.r.beginStop(context.Background())
		if !h.ended {
			h.ended = true
			h.r.serveAll() // what the shutdown needs of the loop, until it ends it
		}
		<-h.r.done
	}
	return h.r.shutdownError()
}
