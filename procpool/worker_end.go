package procpool

import (
	"fmt"
	"slices"
	"time"
)

// end is called once the process is gone and everything that it wrote was read.
// Each of its jobs ends, or goes to another worker.
func (w *worker) end() {
	p := w.p
	close(w.over)
	w.child.conn.close()
	if w.writing { // ends, now that the connection is closed
		w.broken(<-w.wrote)
		w.writing = false
	}
	w.out.reset()
	w.next.reset()
	w.tray.unwatch()
	w.tray.close()
	w.timer.Stop()
	stderr := w.output.finish(lastWords)
	w.starved = w.outOfMemory(stderr)
	line := w.line
	w.line = nil
	p.died.Add(1)
	var back []task
	var ended []func()
	for i, t := range line {
		if err := w.fate(t, i == 0, stderr); err != nil {
			ended = append(ended, func() { t.fail(err) })
		} else {
			back = append(back, t)
		}
	}
	defer p.gone(w, back) // last: who waits for the pool finds its jobs ended
	for _, end := range slices.Backward(ended) {
		defer end() // all, also if what one calls ends the goroutine
	}
	w.judge(stderr, len(line) > 0)
}

// judge counts a worker that died before it did anything against the pool.
func (w *worker) judge(stderr string, hadJobs bool) {
	p := w.p
	p.mu.Lock()
	idle := w.jobs == 0 && !hadJobs
	p.mu.Unlock()
	switch {
	case w.killed == killStop || w.retired || w.serves && !idle:
	case w.startErr == nil:
		err := w.death(stderr, "")
		if !w.greeted && w.status.signal == nil && len(p.cfg.Command) == 0 && !p.cfg.InProcess {
			err = fmt.Errorf("%w (before it said anything: is procpool.ServeIfWorker called first in main, or in TestMain?)", err)
		}
		p.startFailed(w, err)
	default:
		err := w.startErr
		if last := lastLine(stderr); last != "" {
			err = fmt.Errorf("%w; it wrote: %s", err, last)
		}
		p.startFailed(w, err)
	}
}

// fate is the error of a job of a worker that is gone; nil if it is to go to
// another one.
func (w *worker) fate(t task, first bool, stderr string) error {
	j := t.core()
	p := w.p
	p.mu.Lock()
	ask, state := j.ask, p.state
	p.mu.Unlock()
	if !first { // it never began
		return p.unwanted(j)
	}
	after := max(p.clock()-j.begun, time.Nanosecond)
	killed := w.killed == killJob || w.killed == killStop
	switch {
	case j.asked == stopTimeUp && killed:
		return &TimeoutError{After: after, Killed: !p.cfg.InProcess, component: p.component, job: j.f.name}
	case j.asked == stopCanceled && killed:
		return &canceledJob{component: p.component, job: j.f.name, after: max(p.cfg.Grace, 0), inProcess: p.cfg.InProcess}
	case w.killed == killStop || state == stopped:
		return p.errorf("%s was killed after %v: %w", j.f.name, after.Round(time.Millisecond), p.errStopped)
	case j.asked == stopTimeUp: // it died of something else meanwhile
		return &TimeoutError{After: after, component: p.component, job: j.f.name, cause: w.death(stderr, j.f.name)}
	case j.f.idempotent.Load() && !j.retried && ask == stopNot:
		j.retried = true
		p.retried.Add(1)
		return nil
	}
	return w.death(stderr, j.f.name)
}

// death describes how the worker ended.
func (w *worker) death(stderr, doing string) error {
	e := &WorkerExitError{
		PID: w.child.process.pid(), Code: w.status.code, Signal: w.status.signal, Stderr: stderr,
		component: w.p.component, doing: doing, detail: w.detail,
	}
	switch {
	case w.killed == killViolation:
		e.Reason = ProtocolViolation
	case w.killed == killClosed && w.status.signal == sigKill:
		e.Reason = ClosedConnection
	case w.starved:
		e.Reason = OutOfMemory
	case w.status.signal != nil:
		e.Reason = Signalled
	}
	return e
}
