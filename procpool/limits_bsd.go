//go:build unix && !linux

package procpool

func (c Config) checkPlatform() error {
	if err := c.checkSignal(); err != nil {
		return err
	}
	l := c.Limits
	return firstSet("a Unix system other than Linux",
		setting{"MaxRSS", c.MaxRSS, c.MaxRSS != 0},
		setting{"Limits.AddressSpace", l.AddressSpace, l.AddressSpace != 0},
		setting{"Limits.CPU", l.CPU, l.CPU != 0},
		setting{"Limits.OpenFiles", l.OpenFiles, l.OpenFiles != 0},
		setting{"Limits.OOMScoreAdj", l.OOMScoreAdj, l.OOMScoreAdj != 0},
		setting{"Limits.NoNewPrivs", l.NoNewPrivs, l.NoNewPrivs},
		setting{"Limits.Cgroup", l.Cgroup, l.Cgroup != ""},
	)
}

func (Limits) threadSetUp() func() error { return nil }

func (p *Pool) applyLimits(pid int) error { return p.applyNice(pid) }
