package reactor

import (
	"context"
	"reflect"
	"runtime/pprof"
	"runtime/trace"
)

// traced runs t inside a region of the execution trace, and with a pprof label
// that names the reactor. The loop takes this way only while a trace is recorded.
func (r *Reactor) traced(t task) {
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("reactor", r.cfg.Name))
	pprof.SetGoroutineLabels(ctx)
	defer pprof.SetGoroutineLabels(context.Background())
	defer trace.StartRegion(ctx, r.cfg.Name+" "+reflect.TypeOf(t).String()).End()
	t.run()
}
