//go:build !race

package procpool_test

const raceDetector = false
