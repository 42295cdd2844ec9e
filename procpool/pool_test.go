package procpool_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

func TestProcpool_P01_RunsElsewhere(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1})
	n, err := procpool.DeferToProcess(bg, p, square, 12).Wait(soon)
	if n != 144 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	there, err := procpool.DeferToProcess(bg, p, pid, struct{}{}).Wait(soon)
	if err != nil || there == os.Getpid() || there != p.Stats().Workers[0].PID {
		t.Errorf("pid %d, %v", there, err)
	}
	_, err = procpool.DeferToProcess(bg, p, fail, "typed").Wait(soon)
	var remote *procpool.RemoteError
	if !errors.As(err, &remote) || remote.Message != "my error 7" || remote.Type != "*procpool_test.myError" || !strings.Contains(remote.Stack, "main_test.go") {
		t.Errorf("%#v", err)
	}
	_, err = procpool.DeferToProcess(bg, p, fail, "panic").Wait(soon)
	var panicked *eventual.PanicError
	if !errors.As(err, &panicked) || !strings.Contains(string(panicked.Stack), "panicHere") || err.Error() != "panic: at the disco" {
		t.Errorf("%#v", err)
	}
	_, err = procpool.DeferToProcess(bg, p, exit, 3).Wait(soon)
	var died *procpool.WorkerExitError
	if !errors.As(err, &died) || died.Code != 3 || died.Reason != procpool.Exited {
		t.Errorf("%#v", err)
	}
	if n, err := procpool.DeferToProcess(bg, p, square, 5).Wait(soon); n != 25 || err != nil {
		t.Errorf("after a death: %d, %v", n, err)
	}
}
