package procpool

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// startGroup starts a shell script in a process group of its own.
func startGroup(t *testing.T, script string) *os.Process {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("this system has no sh")
	}
	p, err := os.StartProcess(sh, []string{"sh", "-c", script}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reap waits for p as a program does that waits for any child there is.
func reap(t *testing.T, p *os.Process) {
	t.Helper()
	for {
		_, err := syscall.Wait4(p.Pid, nil, 0, nil)
		if err == nil {
			return
		}
		if err != syscall.EINTR { //nolint:errorlint // a bare errno
			t.Fatal(err)
		}
	}
}

// membersOf lists the processes of a group that are not zombies.
func membersOf(t *testing.T, group int) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		pid, err2 := strconv.Atoi(e.Name())
		if err != nil || err2 != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if fields[0] != "Z" && fields[2] == strconv.Itoa(group) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in a minute", what)
		}
	}
}

// signalsGroups reports whether the kernel takes a descriptor for a group.
func signalsGroups(t *testing.T, p *os.Process) bool {
	t.Helper()
	err := os.ErrInvalid
	if none := p.WithHandle(func(pidfd uintptr) {
		err = unix.PidfdSendSignal(int(pidfd), 0, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	}); none != nil {
		err = none
	}
	if err != nil {
		t.Logf("no signals to groups by descriptor: %v", err)
	}
	return err == nil
}

// Another part of the program has waited for the worker, and what that had started
// is still there: it is killed all the same.
func TestProcpool_P05_GroupOfAReapedLeader(t *testing.T) {
	p := startGroup(t, "sleep 1000 & exit 3")
	byDescriptor := signalsGroups(t, p)
	o := newOSProcess(p)
	reap(t, p)
	if len(membersOf(t, o.num)) != 1 {
		t.Fatal("the child of the leader is not there")
	}
	if !byDescriptor {
		_ = syscall.Kill(-o.num, syscall.SIGKILL)
		t.Skip("this kernel cannot")
	}
	if e := o.wait(); e.code != -1 {
		t.Errorf("%+v", e)
	}
	waitFor(t, "the group is gone", func() bool { return len(membersOf(t, o.num)) == 0 })
	if o.pid() <= 0 {
		t.Errorf("its pid was %d", o.pid())
	}
}

// The worker is gone, and another process, which leads a group too, has its number.
// No signal that is meant for the worker reaches it, by whatever way.
func TestProcpool_P05_ReusedPid(t *testing.T) {
	old := startGroup(t, "exit 0")
	o := newOSProcess(old)
	reap(t, old)
	other := startGroupAs(t, o.num)
	defer func() { _, _ = other.Kill(), must(other.Wait()) }()

	o.kill(syscall.SIGKILL)
	signalGroup(old, o.num, syscall.SIGKILL)
	if err := o.hold(func(int) error { return nil }); err == nil {
		t.Error("hold took the other for it")
	}
	_ = o.wait()
	o.kill(syscall.SIGKILL)
	time.Sleep(20 * time.Millisecond) // a signal would be there at once, and more time is no harm
	if left := membersOf(t, other.Pid); len(left) != 1 {
		t.Errorf("of the other's group there is %v", left)
	}
	// What would have happened:
	_ = syscall.Kill(-o.num, syscall.SIGKILL)
	waitFor(t, "its number reaches the other", func() bool { return len(membersOf(t, other.Pid)) == 0 })
}

// startGroupAs starts a process in a group of its own, whose pid is as wanted.
func startGroupAs(t *testing.T, pid int) *os.Process {
	t.Helper()
	const last = "/proc/sys/kernel/ns_last_pid"
	for range 200 {
		if err := os.WriteFile(last, fmt.Append(nil, pid-1), 0); err != nil {
			t.Skipf("the number of the next process cannot be chosen: %v", err)
		}
		p := startGroup(t, "exec sleep 1000")
		if p.Pid == pid {
			return p
		}
		_, _ = p.Kill(), must(p.Wait())
	}
	t.Skip("others start processes all the time")
	return nil
}

func must[T any](v T, _ error) T { return v }
