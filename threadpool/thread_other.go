//go:build !linux

package threadpool

func canSchedule([]int) error { return errNoScheduling }

func schedule([]int, int) error { return nil }
