package procpool

import (
	"time"

	"golang.org/x/sys/windows"
)

// sigKill is the only signal there is.
const sigKill = windows.SIGKILL

func (c Config) checkPlatform() error {
	l := c.Limits
	return firstSet("Windows",
		setting{"KillSignal", c.KillSignal, c.KillSignal != sigKill},
		setting{"Nice", c.Nice, c.Nice != 0},
		setting{"Limits.OpenFiles", l.OpenFiles, l.OpenFiles != 0},
		setting{"Limits.OOMScoreAdj", l.OOMScoreAdj, l.OOMScoreAdj != 0},
		setting{"Limits.NoNewPrivs", l.NoNewPrivs, l.NoNewPrivs},
		setting{"Limits.Cgroup", l.Cgroup, l.Cgroup != ""},
	)
}

// jobLimits is what a worker's job object enforces.
func (l Limits) jobLimits() windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION {
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	basic := &info.BasicLimitInformation
	basic.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if l.AddressSpace != 0 {
		basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY
		info.ProcessMemoryLimit = uintptr(l.AddressSpace)
	}
	if l.CPU != 0 {
		basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_PROCESS_TIME
		basic.PerProcessUserTimeLimit = int64(l.CPU / (100 * time.Nanosecond))
	}
	return info
}

func (Limits) threadSetUp() func() error { return nil }

// applyLimits has nothing left to do: they came with the job object.
func (*Pool) applyLimits(int) error { return nil }
