package procpool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trestle-go/trestle/procpool"
)

var groups = procpool.Register("groups", func(context.Context, struct{}) (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	return string(b), err
})

// controlGroup makes a control group below the first directory in which that can be
// done and in which it has the file needed. It is removed when the test has ended.
func controlGroup(t *testing.T, needed string) string {
	t.Helper()
	parents := []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"}
	if dir := os.Getenv("PROCPOOL_TEST_CGROUP"); dir != "" {
		parents = []string{dir}
	}
	for _, parent := range parents {
		if !exists(filepath.Join(parent, "cgroup.procs")) {
			continue
		}
		dir := filepath.Join(parent, fmt.Sprintf("procpool-test-%d", os.Getpid()))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Log(err)
			continue
		}
		if exists(filepath.Join(dir, needed)) {
			t.Cleanup(func() {
				eventually(t, dir+" is removed", func() bool { return syscall.Rmdir(dir) == nil })
			})
			return dir
		}
		t.Logf("%s has no %s", dir, needed)
		_ = syscall.Rmdir(dir)
	}
	t.Skip("no control group can be made here; PROCPOOL_TEST_CGROUP may name a directory that was delegated to this user")
	return ""
}

// limitMemory allows a control group so many bytes.
func limitMemory(t *testing.T, dir string, bytes int) {
	t.Helper()
	for _, file := range []string{"memory.max", "memory.limit_in_bytes"} {
		path := filepath.Join(dir, file)
		if !exists(path) {
			continue
		}
		if err := os.WriteFile(path, fmt.Append(nil, bytes), 0); err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{"memory.swap.max": "0", "memory.memsw.limit_in_bytes": fmt.Sprint(bytes)} {
		if path := filepath.Join(dir, file); exists(path) {
			_ = os.WriteFile(path, []byte(text), 0) // fails where there is no swap, and nothing is to be bounded
		}
	}
}

func TestProcpool_P02_ControlGroup(t *testing.T) {
	dir := controlGroup(t, "cgroup.procs")
	p := newPool(t, procpool.Config{Max: 1, Limits: procpool.Limits{Cgroup: dir}})
	got, err := procpool.DeferToProcess(bg, p, groups, struct{}{}).Wait(soon)
	if err != nil || !strings.Contains(got, "/"+filepath.Base(dir)+"\n") {
		t.Errorf("the worker is in %q: %v", got, err)
	}
	child, err := procpool.DeferToProcess(bg, p, parentOf, false).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", child))
	if err != nil || !strings.Contains(string(b), "/"+filepath.Base(dir)+"\n") {
		t.Errorf("what it has started is in %q: %v", b, err)
	}
	if b, err := os.ReadFile("/proc/self/cgroup"); err != nil || strings.Contains(string(b), filepath.Base(dir)) {
		t.Errorf("this process is in %q: %v", b, err)
	}
}

// The kernel kills a worker for want of memory in its group; another is killed while
// there is enough.
func TestProcpool_P04_OutOfMemoryInAControlGroup(t *testing.T) {
	needed := "memory.max"
	if exists("/sys/fs/cgroup/memory/memory.limit_in_bytes") {
		needed = "memory.limit_in_bytes"
	}
	dir := controlGroup(t, needed)
	limitMemory(t, dir, 256<<20)
	p := newPool(t, procpool.Config{Max: 1, Limits: procpool.Limits{Cgroup: dir}})
	for range 2 {
		_, err := procpool.DeferToProcess(bg, p, hoard, 1<<30).Wait(soon)
		var died *procpool.WorkerExitError
		if !errors.As(err, &died) || died.Reason != procpool.OutOfMemory || died.Signal != syscall.SIGKILL {
			t.Fatalf("%v", err)
		}
		_, err = procpool.DeferToProcess(bg, p, signalMe, int(syscall.SIGKILL)).Wait(soon)
		if !errors.As(err, &died) || died.Reason != procpool.Signalled {
			t.Errorf("%v", err)
		}
	}
	if n, err := procpool.DeferToProcess(bg, p, square, 6).Wait(soon); n != 36 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
