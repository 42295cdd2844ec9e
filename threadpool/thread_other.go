//go:build !linux

package threadpool

import "errors"

func canSchedule([]int) error { return errors.New("not available on this system") }

func schedule([]int, int) error { return nil }
