//go:build unix && !linux

package procpool

import "errors"

func (c Config) checkPlatform() error {
	if c.Limits != (Limits{}) {
		return errors.New("Config.Limits: only Linux has them")
	}
	if c.MaxRSS != 0 {
		return errors.New("Config.MaxRSS: only Linux can tell")
	}
	return nil
}

func (Limits) threadSetUp() func() error { return nil }

func (p *Pool) applyLimits(pid int) error { return p.applyNice(pid) }
