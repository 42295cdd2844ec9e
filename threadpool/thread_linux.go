package threadpool

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// canSchedule reports which of cpus this process may not run on.
func canSchedule(cpus []int) error {
	var have unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return err
	}
	for _, cpu := range cpus {
		if cpu < 0 || !have.IsSet(cpu) {
			return fmt.Errorf("processor %d is not among those of this process", cpu)
		}
	}
	return nil
}

// schedule sets the affinity and the priority of the calling thread.
func schedule(cpus []int, nice int) error {
	if len(cpus) > 0 {
		var set unix.CPUSet
		for _, cpu := range cpus {
			set.Set(cpu)
		}
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("affinity to %v: %w", cpus, err)
		}
	}
	if nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice); err != nil {
			return fmt.Errorf("nice %d: %w", nice, err)
		}
	}
	return nil
}
