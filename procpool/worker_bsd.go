//go:build unix && !linux

package procpool

const sharedMemory = false

// watchParent has nothing to do: the end of the connection ends a worker.
func watchParent() {}
