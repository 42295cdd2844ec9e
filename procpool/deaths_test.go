package procpool_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// death is one way in which a worker dies: of what it ran, and what is told of it.
type death struct {
	name string
	run  func(p *procpool.Pool) *eventual.Result[int]
	want procpool.WorkerExitError
	text string
}

// check has a worker die, with a job waiting behind the one that it dies of.
func (d death) check(t *testing.T) {
	p := newPool(t, procpool.Config{Name: "fragile", Max: 1})
	r := d.run(p)
	behind := procpool.DeferToProcess(bg, p, square, 6)
	_, err := r.Wait(soon)
	died, ok := errors.AsType[*procpool.WorkerExitError](err)
	if !ok {
		t.Fatalf("%#v", err)
	}
	if died.Reason != d.want.Reason || died.Code != d.want.Code || died.Signal != d.want.Signal || died.PID <= 0 {
		t.Errorf("%v: %+v", died.Reason, died)
	}
	if !strings.Contains(err.Error(), d.text) || !strings.HasPrefix(err.Error(), "procpool fragile: worker ") {
		t.Errorf("%q does not say %q", err, d.text)
	}
	if n, err := behind.Wait(soon); n != 36 || err != nil {
		t.Errorf("the job behind it: %d, %v", n, err)
	}
	if alive(died.PID) {
		t.Error("it is still there")
	}
}
