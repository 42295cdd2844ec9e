package eventual_test

import (
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 20 * time.Second // longer than any machine needs

// collect forces garbage collections until ok holds. Cleanups run on a goroutine
// of the runtime's, so one collection is not enough; that ok never holds fails
// the test.
func collect(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); time.Now().Before(end); {
		runtime.GC()
		if ok() {
			return
		}
		runtime.Gosched()
	}
	t.Fatal("did not happen after garbage collection")
}
