package procpool

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func (c Config) checkPlatform() error {
	if err := c.checkSignal(); err != nil {
		return err
	}
	if l := c.Limits; l.Cgroup != "" {
		if err := unix.Access(filepath.Join(l.Cgroup, "cgroup.procs"), unix.W_OK); err != nil {
			return fmt.Errorf("Config.Limits.Cgroup: %s: cgroup.procs cannot be written: %w", l.Cgroup, err)
		}
	}
	return nil
}

// threadSetUp is what must be done to the thread that starts workers, because they
// can only inherit it.
func (l Limits) threadSetUp() func() error {
	if !l.NoNewPrivs {
		return nil
	}
	return func() error {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("Config.Limits.NoNewPrivs: %w", err)
		}
		return nil
	}
}

// applyLimits bounds the worker pid, which has greeted and waits for the answer.
// The pool does it rather than the worker, so that workers of any program are
// bounded alike.
func (p *Pool) applyLimits(pid int) error {
	if p.cfg.InProcess {
		return nil
	}
	l := p.cfg.Limits
	for _, limit := range [...]struct {
		name     string
		resource int
		soft     uint64
		hard     uint64
	}{
		{"AddressSpace", unix.RLIMIT_AS, l.AddressSpace, l.AddressSpace},
		{"CPU", unix.RLIMIT_CPU, uint64(l.CPU / time.Second), uint64(l.CPU/time.Second) + 1},
		{"OpenFiles", unix.RLIMIT_NOFILE, l.OpenFiles, l.OpenFiles},
	} {
		if limit.soft == 0 {
			continue
		}
		if err := unix.Prlimit(pid, limit.resource, &unix.Rlimit{Cur: limit.soft, Max: limit.hard}, nil); err != nil {
			return fmt.Errorf("%s %d: %w", limit.name, limit.soft, err)
		}
	}
	if l.OOMScoreAdj != 0 {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(strconv.Itoa(l.OOMScoreAdj)), 0); err != nil {
			return fmt.Errorf("OOMScoreAdj %d: %w", l.OOMScoreAdj, err)
		}
	}
	if l.Cgroup != "" {
		if err := os.WriteFile(filepath.Join(l.Cgroup, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("cgroup %s: %w", l.Cgroup, err)
		}
	}
	return p.applyNice(pid)
}
