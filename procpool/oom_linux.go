package procpool

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// oomCounter is the file in which the kernel counts the processes of a control
// group that it killed for want of memory; "" if there is none.
type oomCounter string

// newOOMCounter looks for the counter of the control group dir. Where that does not
// count memory the one above it does; or, if there is none or dir is empty, this
// process's own.
func newOOMCounter(dir string) oomCounter {
	if dir == "" {
		return ownOOMCounter()
	}
	dir, err := filepath.Abs(dir)
	for ; err == nil && filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if c := counterIn(dir); c != "" {
			return c
		}
	}
	return ownOOMCounter()
}

func counterIn(dir string) oomCounter {
	for _, name := range [...]string{"memory.events", "memory.oom_control"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return oomCounter(path)
		}
	}
	return ""
}

func ownOOMCounter() oomCounter {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var root string
		switch parts[1] {
		case "":
			root = "/sys/fs/cgroup"
		case "memory":
			root = "/sys/fs/cgroup/memory"
		default:
			continue
		}
		// In a container of its own the path is that of outside.
		for _, dir := range [...]string{filepath.Join(root, parts[2]), root} {
			if c := counterIn(dir); c != "" {
				return c
			}
		}
	}
	return ""
}

// read returns how often it has happened.
func (c oomCounter) read() uint64 {
	if c == "" {
		return 0
	}
	data, err := os.ReadFile(string(c))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == "oom_kill" {
			n, _ := strconv.ParseUint(value, 10, 64)
			return n
		}
	}
	return 0
}
