package reactor

import (
	"os"
	"os/signal"
	"sync"
)

// OnSignal has f called on the reactor's goroutine for each of the signals that
// the process gets; without any it is all signals, as for signal.Notify. stop
// takes it back and returns when no further call will be submitted; what the
// signals did before is in force again then, except that one that signal.Ignore had
// turned off does what it does by default: see signal.Stop. Stop of the reactor does
// the same.
func (r *Reactor) OnSignal(f func(os.Signal), sigs ...os.Signal) (stop func()) {
	if f == nil {
		r.log().Error("reactor: OnSignal: nil function", "reactor", r.cfg.Name)
		return func() {}
	}
	w := &signalWatch{c: make(chan os.Signal, 16), quit: make(chan struct{}), gone: make(chan struct{})}
	signal.Notify(w.c, sigs...)
	go w.serve(r, f) // ended by stop, or by the reactor's
	if !r.live.add(w) {
		w.end()
	}
	return func() {
		r.live.remove(w)
		w.end()
	}
}

type signalWatch struct {
	c    chan os.Signal
	quit chan struct{}
	gone chan struct{}
	once sync.Once
}

func (w *signalWatch) serve(r *Reactor, f func(os.Signal)) {
	defer close(w.gone)
	for {
		select {
		case s := <-w.c:
			r.post(call(func() { f(s) }))
		case <-w.quit:
			return
		}
	}
}

func (w *signalWatch) end() {
	w.once.Do(func() {
		signal.Stop(w.c)
		close(w.quit)
	})
	<-w.gone
}

func (w *signalWatch) abort(error) { w.end() }
