//go:build unix

package procpool

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// workerFD is the descriptor of the connection in a worker.
const workerFD = 3

// start starts a worker. It is called on the pool's thread for that.
func (l *launch) start() (child, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return child{}, err
	}
	c := child{conn: ours}
	toClose := []*os.File{theirs}
	defer func() {
		for _, f := range toClose {
			_ = f.Close()
		}
	}()
	fail := func(err error) (child, error) {
		c.closeAll()
		return child{}, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fail(err)
	}
	toClose = append(toClose, null)
	var pipes [2]*os.File
	for i, read := range []**os.File{&c.stdout, &c.stderr} {
		if *read, pipes[i], err = os.Pipe(); err != nil {
			return fail(err)
		}
		toClose = append(toClose, pipes[i])
	}
	p, err := os.StartProcess(l.path, l.args, &os.ProcAttr{
		Dir: l.dir, Env: l.env, Sys: sysProcAttr(),
		Files: []*os.File{null, pipes[0], pipes[1], theirs},
	})
	if err != nil {
		return fail(fmt.Errorf("starting %s: %w", l.path, err))
	}
	c.process = newOSProcess(p)
	return c, nil
}

// osProcess is a process in a process group of its own.
//
// A signal must never reach somebody else's processes, who got the same number once
// this one's was free. It is free when the process was waited for, which only wait
// does; gone is set before. But another part of the program may wait for any child,
// and then a group can be signalled safely only where the kernel can be told which
// by a descriptor: see signalGroup.
type osProcess struct {
	// Immutable.
	p   *os.Process
	num int // its pid, which p forgets when it is released

	mu   sync.Mutex // guards gone; held for a signal or for setting limits, which need the pid
	gone bool       // its pid, and so the number of its group, may be somebody else's
}

func newOSProcess(p *os.Process) *osProcess { return &osProcess{p: p, num: p.Pid} }

func (o *osProcess) pid() int { return o.num }

func (o *osProcess) kill(sig os.Signal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s, ok := sig.(syscall.Signal); ok && !o.gone {
		signalGroup(o.p, o.num, s)
	}
}

func (o *osProcess) hold(fn func(pid int) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone || !unreaped(o.p) {
		return os.ErrProcessDone
	}
	return fn(o.num)
}

// unreaped reports whether nobody has waited for p yet, so that its pid is its own.
// Where os.Process has no descriptor for it, that is as far as it knows.
func unreaped(p *os.Process) bool { return p.Signal(syscall.Signal(0)) == nil }

// over notes that the pid may be somebody else's from now on.
func (o *osProcess) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone = true
}

func (o *osProcess) wait() exit {
	// As long as nobody has waited for the process its pid is its own, and the rest
	// of its group can be killed without a risk for others.
	if waitsFirst {
		if awaitExit(o.p, o.num) {
			o.kill(syscall.SIGKILL)
		}
		o.over()
	}
	state, err := o.p.Wait()
	o.over()
	if err != nil { // another part of the program has waited for it
		_ = o.p.Release()
		return exit{code: -1}
	}
	e := exit{code: state.ExitCode()}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.signal = ws.Signal()
	}
	return e
}
