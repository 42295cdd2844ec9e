// Package jobs is work that takes long: each job is done in a worker process, in a
// thread or in turns on the reactor, as its owner chose, and is a resource of its
// own from the moment it is accepted. The page shows how far each is, live, and
// what came of it; it may be closed meanwhile.
package jobs

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/compute"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/procpool"
)

//go:embed jobs.html
var files embed.FS

var page = site.Page{Path: "/jobs", Title: "Jobs", Styles: []string{"jobs.css"}, Script: "jobs.js"}.Parse(files, "jobs.html")

const (
	resultPath = "/api/jobs/"
	perOwner   = 8   // jobs at once
	perPages   = 8   // streams of one owner
	mostPages  = 500 // streams
)

// Jobs is the jobs' page and API.
type Jobs struct {
	site   *site.Site
	pools  Pools
	board  *Board
	market func() (compute.Market, error)
	crash  bool
	kept   *httpbridge.Resources
	create http.Handler
}

// Config says what Jobs is made of.
type Config struct {
	Site   *site.Site
	Pools  Pools
	Board  *Board
	Market func() (compute.Market, error) // what a simulation begins with
	Keep   time.Duration                  // how long results are kept
	// CanCrash says that a job may be made to crash: its process is another one.
	CanCrash bool
}

// New returns the page and API. Its Close ends what is still under way.
func New(cfg Config) (*Jobs, error) {
	kept, err := httpbridge.NewResources(httpbridge.ResourcesConfig{
		Path: resultPath, Owner: site.Owner, TTL: cfg.Keep, MaxRun: 10 * time.Minute, Logger: cfg.Site.Logger,
	})
	if err != nil {
		return nil, err
	}
	j := &Jobs{site: cfg.Site, pools: cfg.Pools, board: cfg.Board, market: cfg.Market, crash: cfg.CanCrash, kept: kept}
	j.create = httpbridge.Handler(j.begin, httpbridge.HandlerConfig{
		Async:     true, // a job takes seconds: its client need not say that it will not wait
		Resources: kept,
		Timeout:   30 * time.Second, // of a client that says it will
		Encoders:  []httpbridge.Encoder{httpbridge.JSON, picture},
		Errors:    []httpbridge.ErrorRule{httpbridge.OnErrorAs(workerDied), httpbridge.OnErrorAs(tooSlow)},
		Limit:     &httpbridge.ClientLimit{Max: perOwner, Key: site.Client},
		Logger:    cfg.Site.Logger,
	})
	return j, nil
}

// Close ends all jobs, and forgets their results.
func (j *Jobs) Close() { j.kept.Close() }

// Stats says how many results there are.
func (j *Jobs) Stats() httpbridge.ResourcesStats { return j.kept.Stats() }

// Register adds the page and the API to mux.
func (j *Jobs) Register(mux *http.ServeMux) {
	mux.Handle("GET /jobs", site.WithSession(http.HandlerFunc(j.page)))
	mux.HandleFunc("POST /api/jobs", j.post)
	mux.HandleFunc("GET "+resultPath+"{id}", j.resource)
	mux.HandleFunc("DELETE "+resultPath+"{id}", j.resource)
	mux.Handle("GET "+resultPath+"{id}/events", j.kept)
	mux.Handle("GET /api/jobs/events", j.events())
}

func (j *Jobs) page(w http.ResponseWriter, r *http.Request) {
	j.site.Render(w, r, page, struct {
		MaxEffort, Effort int
		Keep              string
	}{compute.MaxEffort, defaultEffort, fmt.Sprintf("%.0f minutes", j.board.keep.Minutes())})
}

// Result is a job's outcome as it is sent: as JSON, or as a picture.
type Result struct {
	Kind    string         `json:"kind"`
	Where   string         `json:"where"`
	Facts   []compute.Fact `json:"facts"`
	picture []byte
}

// picture encodes a Result for those who would rather see it, such as an img.
var picture = httpbridge.Encoder{ContentType: "image/png", Encode: func(w io.Writer, _ *http.Request, v any) error {
	r, ok := v.(Result)
	if !ok {
		return fmt.Errorf("jobs: a %T has no picture", v)
	}
	_, err := w.Write(r.picture)
	return err
}}

type entryKey struct{}

// post begins a job and, once it has a location, puts that on the board.
func (j *Jobs) post(w http.ResponseWriter, r *http.Request) {
	var e *entry
	j.create.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), entryKey{}, &e)))
	if location := w.Header().Get("Location"); e != nil && location != "" {
		e.update(func(v *View) { v.Location = location })
	}
}

// resource serves a result. When its job has ended, to delete it takes it off the
// board too; while it goes on, that cancels it, which the board shows.
func (j *Jobs) resource(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		if e := j.board.ended(r.Context(), site.Owner(r), r.URL.Path); e != nil {
			defer e.remove()
		}
	}
	j.kept.ServeHTTP(w, r)
}

// begin starts a job. Its ctx is the result's, not the request's: the client does
// not wait.
func (j *Jobs) begin(r *http.Request) *eventual.Result[Result] {
	o, err := readOrder(r)
	if err == nil && o.Crash != "" && !j.crash {
		err = &httpbridge.Problem{Status: http.StatusUnprocessableEntity, Detail: "There are no worker processes on this system."}
	}
	if err != nil {
		return eventual.Failed[Result](err)
	}
	t := task{Spec: compute.Spec{Kind: o.Kind, Effort: o.Effort, Seed: o.Seed}, Crash: o.Crash}
	if o.Kind == compute.MonteCarlo {
		if t.Spec.Market, err = j.market(); err != nil {
			return eventual.Failed[Result](err)
		}
	}
	ctx := r.Context()
	e := j.board.add(site.Owner(r), o)
	res := j.pools.start(ctx, o.Where, t, func(p progress) {
		httpbridge.Report(ctx, httpbridge.Progress{Done: int64(1000 * p.Done), Total: 1000, Message: o.Where})
		e.update(func(v *View) {
			if v.State == stateWaiting {
				v.State = stateRunning
			}
			v.Percent, v.PID = 100*p.Done, p.PID
		})
	})
	if o, ended := res.Peek(); ended && o.Err != nil { // it was not accepted
		e.remove()
	} else {
		*ctx.Value(entryKey{}).(**entry) = e
		res.OnDone(func() { e.finish(res) })
	}
	return eventual.Then(res, func(out compute.Outcome) (Result, error) {
		return Result{o.Kind, o.Where, out.Facts, out.Picture}, nil
	})
}

// finish puts on the board how the job ended.
func (e *entry) finish(res *eventual.Result[compute.Outcome]) {
	o, _ := res.Peek()
	switch {
	case o.Err == nil:
		e.end(stateDone, nil)
	case errors.Is(o.Err, context.Canceled), errors.Is(o.Err, eventual.ErrStopped):
		e.end(stateCanceled, nil)
	default:
		e.end(stateFailed, complaint(o.Err))
	}
}

type streamKey struct{}

// events is the stream of the jobs of whoever asks: all of them at each change.
func (j *Jobs) events() http.Handler {
	follow := httpbridge.Subscribe(func(r *http.Request) (s httpbridge.Subscription[[]View], err error) {
		s.Stream, _ = r.Context().Value(streamKey{}).(*httpbridge.Stream[[]View])
		return s, nil
	}, httpbridge.EventsConfig{
		Overflow: httpbridge.KeepLatest, Owner: site.Owner, MaxPerOwner: perPages, MaxClients: mostPages, Logger: j.site.Logger,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		owner := site.Owner(r)
		if owner == "" {
			j.site.Fail(w, r, &httpbridge.Problem{Status: http.StatusForbidden, Detail: "These are the jobs of a visitor of the page, whom a cookie tells apart."})
			return
		}
		stream, leave, err := j.board.watch(r.Context(), owner)
		if err != nil {
			j.site.Fail(w, r, httpbridge.ProblemFor(err))
			return
		}
		defer leave()
		follow.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), streamKey{}, stream)))
	})
}

// complaint is what the owner of a job is told of its failure.
func complaint(err error) *Complaint {
	if died, ok := errors.AsType[*procpool.WorkerExitError](err); ok {
		p := workerDied(died)
		return &Complaint{Title: p.Title, Detail: p.Detail, Stderr: tail(died.Stderr)}
	}
	p := httpbridge.ProblemFor(err, httpbridge.OnErrorAs(tooSlow))
	c := &Complaint{Title: p.Title, Detail: p.Detail}
	if c.Title == "" {
		c.Title = "The job failed"
	}
	return c
}

// workerDied tells how a worker died. Its owner may know: it is their own job that
// it ran.
func workerDied(e *procpool.WorkerExitError) *httpbridge.Problem {
	how := fmt.Sprintf("It exited with code %d.", e.Code)
	if e.Signal != nil {
		how = fmt.Sprintf("It was ended by a signal: %v.", e.Signal)
	}
	if e.Reason == procpool.OutOfMemory {
		how = "It ran out of memory. " + how
	}
	return &httpbridge.Problem{
		Status: http.StatusInternalServerError, Title: "The worker process died",
		Detail:     fmt.Sprintf("Worker %d died while it did the job. %s Only this job is lost, and another worker took its place.", e.PID, how),
		Extensions: map[string]any{"pid": e.PID, "code": e.Code, "reason": e.Reason.String(), "stderr": tail(e.Stderr)},
	}
}

func tooSlow(*procpool.TimeoutError) *httpbridge.Problem {
	return &httpbridge.Problem{Status: http.StatusGatewayTimeout, Title: "The job took too long", Detail: "It was given up."}
}

// tail is the end of what a worker wrote, as much as is worth showing.
func tail(stderr string) string {
	const most = 1500
	if len(stderr) > most {
		return "…" + stderr[len(stderr)-most:]
	}
	return stderr
}
