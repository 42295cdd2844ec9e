package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/trestle-go/trestle/examples/flaskish/internal/compute"
	"github.com/trestle-go/trestle/httpbridge"
)

// Where a job may run.
const (
	Process     = "process"     // in a worker process of a pool: it can be killed, and may crash
	Thread      = "thread"      // in a thread of a pool
	Cooperative = "cooperative" // on the reactor, in turns with everything else there
)

// Places are all of them.
var Places = []string{Process, Thread, Cooperative}

// Crashes are the ways in which a worker may be made to die, when the job is
// under way.
var Crashes = []string{"kill", "panic", "exit"}

const (
	defaultEffort = 50
	maxOrder      = 4 << 10 // bytes
)

// order is what a client wants done.
type order struct {
	Kind   string `json:"kind"`
	Where  string `json:"where"`  // "": Process
	Effort int    `json:"effort"` // 0: defaultEffort
	Seed   uint64 `json:"seed"`   // 0: any
	Crash  string `json:"crash"`  // "": not
}

// readOrder reads and checks the body of a request. The error is a problem that
// says what is wrong.
func readOrder(r *http.Request) (o order, err error) {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxOrder))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			return o, err
		}
		return o, &httpbridge.Problem{Status: http.StatusBadRequest, Detail: "The body must be a JSON object: " + strings.TrimPrefix(err.Error(), "json: ") + "."}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return o, &httpbridge.Problem{Status: http.StatusBadRequest, Detail: "The body must be one JSON object and no more."}
	}
	if o.Where == "" {
		o.Where = Process
	}
	if o.Effort == 0 {
		o.Effort = defaultEffort
	}
	for o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	return o, o.check()
}

func (o order) check() error {
	refuse := func(field string, value any, want string) error {
		return &httpbridge.Problem{
			Status: http.StatusUnprocessableEntity, Title: "Not a job", Detail: "The " + field + " must be " + want + ".",
			Extensions: map[string]any{"field": field, "value": value},
		}
	}
	switch {
	case !slices.Contains(compute.Kinds, o.Kind):
		return refuse("kind", o.Kind, "one of "+strings.Join(compute.Kinds, ", "))
	case !slices.Contains(Places, o.Where):
		return refuse("where", o.Where, "one of "+strings.Join(Places, ", "))
	case o.Effort < 1 || o.Effort > compute.MaxEffort:
		return refuse("effort", o.Effort, fmt.Sprint("from 1 to ", compute.MaxEffort))
	case o.Crash != "" && !slices.Contains(Crashes, o.Crash):
		return refuse("crash", o.Crash, "one of "+strings.Join(Crashes, ", "))
	case o.Crash != "" && o.Where != Process:
		return refuse("where", o.Where, "process for a crash: anywhere else it would end this program")
	}
	return nil
}
