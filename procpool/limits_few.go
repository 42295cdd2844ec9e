//go:build windows || (unix && !linux)

package procpool

import "fmt"

// setting is a field of Config that not every system can do something with.
type setting struct {
	field string
	value any
	set   bool
}

// firstSet is the error of the first of them that is set; nil if none is.
func firstSet(system string, all ...setting) error {
	for _, s := range all {
		if s.set {
			return fmt.Errorf("%s%s is %v, which cannot be had on %s", "Config.", s.field, s.value, system)
		}
	}
	return nil
}
