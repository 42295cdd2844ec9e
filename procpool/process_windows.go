package procpool

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// killedCode is the exit code of what a pool has killed. There are no signals that
// would tell such an end from others.
const killedCode = 0xE0000009

// start starts a worker.
func (l *launch) start() (child, error) {
	var c child
	var toClose []*os.File
	defer func() {
		for _, f := range toClose {
			_ = f.Close()
		}
	}()
	fail := func(err error) (child, error) {
		c.closeAll()
		return child{}, err
	}
	ours, theirs, err := newConn()
	if err != nil {
		return child{}, err
	}
	c.conn = ours
	toClose = append(toClose, theirs[:]...)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fail(err)
	}
	toClose = append(toClose, null)
	var pipes [2]*os.File
	for i, read := range []**os.File{&c.stdout, &c.stderr} {
		if *read, pipes[i], err = namedPipe(true); err != nil {
			return fail(err)
		}
		toClose = append(toClose, pipes[i])
	}
	job, err := newJob(l.limits)
	if err != nil {
		return fail(err)
	}
	if c.process, err = l.startIn(job, theirs, []*os.File{null, pipes[0], pipes[1]}); err != nil {
		_ = windows.CloseHandle(job) // which ends what is in it
		return fail(fmt.Errorf("starting %s: %w", l.path, err))
	}
	return c, nil
}

// startIn starts a process that inherits files and transport, and puts it into job.
// What it has started until then would not be in job; but it cannot serve before, and
// system and runtime take longer to load a program than this.
func (l *launch) startIn(job windows.Handle, transport [2]*os.File, files []*os.File) (process, error) {
	var handles [2]syscall.Handle
	for i, f := range transport {
		handles[i] = syscall.Handle(f.Fd())
		// Others that are started meanwhile get only what they are meant to get.
		if err := syscall.SetHandleInformation(handles[i], syscall.HANDLE_FLAG_INHERIT, syscall.HANDLE_FLAG_INHERIT); err != nil {
			return nil, os.NewSyscallError("SetHandleInformation", err)
		}
	}
	p, err := os.StartProcess(l.path, l.args, &os.ProcAttr{
		Dir: l.dir, Env: environment(l.env, nil, fmt.Sprintf("%s=%d,%d", pipesVar, handles[0], handles[1])), Files: files,
		Sys: &syscall.SysProcAttr{
			AdditionalInheritedHandles: handles[:],
			CreationFlags:              windows.CREATE_NEW_PROCESS_GROUP, // Ctrl-C is for the pool's process
			HideWindow:                 true,                             // should it have to make a console, because there is none to share
		},
	})
	if err != nil {
		return nil, err
	}
	if err := assign(job, p); err != nil {
		_ = p.Kill()
		_, _ = p.Wait()
		return nil, err
	}
	return &jobProcess{p: p, num: p.Pid, job: job}, nil
}

// assign puts p into job. One that has ended already, which is refused, need not be.
func assign(job windows.Handle, p *os.Process) error {
	var refused error
	err := p.WithHandle(func(h uintptr) {
		if refused = windows.AssignProcessToJobObject(job, windows.Handle(h)); refused == nil {
			return
		}
		if event, err := windows.WaitForSingleObject(windows.Handle(h), 0); err == nil && event == windows.WAIT_OBJECT_0 {
			refused = nil
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("AssignProcessToJobObject", refused)
}

// newJob makes a job object, which holds a worker and all that it starts. They end
// when its last handle is closed, which only this process has: so also with it,
// whatever ends that.
func newJob(l Limits) (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, os.NewSyscallError("CreateJobObject", err)
	}
	info := l.jobLimits()
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err != nil {
		_ = windows.CloseHandle(job)
		return 0, os.NewSyscallError("SetInformationJobObject", err)
	}
	return job, nil
}

// jobProcess is a process in a job object of its own. Its pid is nobody else's as
// long as p, which has a handle, was not waited for; and what it has started is
// named by the job object, not by a pid. So no signal can go astray.
type jobProcess struct {
	// Immutable.
	p   *os.Process
	num int // its pid, which p forgets when it is released

	mu     sync.Mutex     // guards what follows; held for calls of the system that do not wait
	job    windows.Handle // 0 once the process is gone
	killed bool
}

func (j *jobProcess) pid() int { return j.num }

// kill knows one signal only, which is why Config.KillSignal can be no other.
func (j *jobProcess) kill(os.Signal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.job != 0 {
		j.killed = true
		_ = windows.TerminateJobObject(j.job, killedCode)
	}
}

func (j *jobProcess) hold(fn func(pid int) error) error {
	var result error
	if err := j.p.WithHandle(func(uintptr) { result = fn(j.num) }); err != nil {
		return err
	}
	return result
}

func (j *jobProcess) wait() exit {
	state, err := j.p.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = windows.TerminateJobObject(j.job, killedCode) // the rest of it
	_ = windows.CloseHandle(j.job)
	j.job = 0
	switch {
	case err != nil:
		_ = j.p.Release()
		return exit{code: -1}
	case j.killed && uint32(state.ExitCode()) == killedCode:
		return exit{code: -1, signal: sigKill}
	}
	return exit{code: state.ExitCode()}
}
