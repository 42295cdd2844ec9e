package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// Reports writes reports, which takes long. Who asks for one waits a moment, and
// picks it up later if it is not ready then.
type Reports struct {
	pool  *threadpool.Pool
	stash eventual.Stash[string]
}

// NewReports returns a Reports that writes on pool.
func NewReports(pool *threadpool.Pool) *Reports { return &Reports{pool: pool} }

// Handle adds the routes of r to mux.
func (r *Reports) Handle(mux *http.ServeMux) {
	mux.HandleFunc("POST /reports/{currency}", func(w http.ResponseWriter, req *http.Request) {
		currency := req.PathValue("currency")
		// Not the request's ctx: the report is to be written even if nobody waits.
		ctx := context.WithoutCancel(req.Context())
		r.answer(w, req, threadpool.DeferToThread(ctx, r.pool, func(ctx context.Context) (string, error) {
			return write(ctx, currency)
		}))
	})
	mux.HandleFunc("GET /reports/{id}", func(w http.ResponseWriter, req *http.Request) {
		report, err := r.stash.Retrieve(req.PathValue("id"))
		if err != nil {
			reply(w, req, nil, err)
			return
		}
		r.answer(w, req, report)
	})
}

// answer waits a moment for a report. If that is too short, it says where to ask
// for it again.
func (r *Reports) answer(w http.ResponseWriter, req *http.Request, report *eventual.Result[string]) {
	text, err := report.Wait(200 * time.Millisecond)
	if !errors.Is(err, eventual.ErrTimeout) {
		reply(w, req, text, err)
		return
	}
	id, err := r.stash.Put(report)
	if err != nil {
		report.Cancel()
		reply(w, req, nil, err)
		return
	}
	w.Header().Set("Location", "/reports/"+id)
	w.WriteHeader(http.StatusAccepted)
}

// write blocks, as a query of a slow database does.
func write(ctx context.Context, currency string) (string, error) {
	select {
	case <-time.After(time.Second):
		return fmt.Sprintf("%s has been through a lot.", currency), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
