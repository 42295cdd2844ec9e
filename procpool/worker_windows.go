package procpool

import (
	"os"
	"time"
)

const sharedMemory = false

// watchParent has nothing to do: the end of the parent closes the job object, and
// that ends a worker.
func watchParent() {}

// leaveNobody ends this process, whose connection has ended. What it has started is
// in the job object, which ends with the parent. If that is there it will end this
// process, and say why; it has a while for that.
func leaveNobody() {
	time.Sleep(3 * lastWords)
	os.Exit(1)
}
