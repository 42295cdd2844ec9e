//go:build race

package coiterate_test

const raceEnabled = true
