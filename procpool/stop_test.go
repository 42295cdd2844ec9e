package procpool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/trestle-go/trestle/eventual"
)

// TestProcpool_P09_ProcessThatStays: a Stop that leaves a process behind says so.
func TestProcpool_P09_ProcessThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{Name: "stuck", InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorker(p, 7) // nothing ever ends it
		p.mu.Lock()
		w.pid = 99
		p.workers[w] = struct{}{}
		p.leaveLocked(w, Dying)
		p.starting++ // it never was
		p.mu.Unlock()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		var left *eventual.StopError
		if err := p.Stop(ctx); !errors.As(err, &left) || len(left.Running) != 1 || left.Running[0].Name != "worker 7, process 99" {
			t.Errorf("%v", err)
		}
		p.gone(w, nil)
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
