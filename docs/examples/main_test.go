package examples_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/procpool"
)

func TestMain(m *testing.M) {
	procpool.ServeIfWorker() // the workers are this test binary again
	goleak.VerifyTestMain(m)
}
