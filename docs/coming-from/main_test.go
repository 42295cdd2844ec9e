package comingfrom_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/reactor"
)

func TestMain(m *testing.M) {
	procpool.ServeIfWorker() // the workers are this test binary again
	code := m.Run()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := reactor.Default().Stop(ctx) // no program has to, but goleak counts
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
