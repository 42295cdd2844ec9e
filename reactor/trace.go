package reactor

import (
	"context"
	"reflect"
	"runtime/pprof"
	"runtime/trace"
)

// traced runs t inside a region of the execution trace, named after the reactor
// and the submitted function, and with a pprof label that names the reactor. The
// loop takes this way only while a trace is recorded.
func (r *Reactor) traced(t task) {
	ctx := r.label()
	defer pprof.SetGoroutineLabels(context.Background())
	what := origin(t)
	if what == "" {
		what = reflect.TypeOf(t).String()
	}
	defer trace.StartRegion(ctx, r.cfg.Name+": "+what).End()
	t.run()
}

// label gives the calling goroutine the reactor's label.
func (r *Reactor) label() context.Context {
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("reactor", r.cfg.Name))
	pprof.SetGoroutineLabels(ctx)
	return ctx
}
