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
	c.process = &osProcess{p: p}
	return c, nil
}

// osProcess is a process in a process group of its own.
type osProcess struct {
	p    *os.Process
	mu   sync.Mutex // guards gone; a signal is sent under it, and nothing else happens
	gone bool       // its pid, and so the number of its group, may be somebody else's
}

func (o *osProcess) pid() int { return o.p.Pid }

func (o *osProcess) kill(sig os.Signal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s, ok := sig.(syscall.Signal); ok && !o.gone {
		_ = syscall.Kill(-o.p.Pid, s)
	}
}

func (o *osProcess) wait() exit {
	// As long as nobody has waited for the process its pid is its own, and the rest
	// of its group can be killed without a risk for others.
	if awaitExit(o.p.Pid) {
		o.kill(syscall.SIGKILL)
	}
	o.mu.Lock()
	o.gone = true
	o.mu.Unlock()
	state, err := o.p.Wait()
	if err != nil {
		return exit{code: -1}
	}
	e := exit{code: state.ExitCode()}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.signal = ws.Signal()
	}
	return e
}
