//go:build !race

package coiterate_test

const raceEnabled = false
