//go:build race

package eventual_test

const raceEnabled = true
