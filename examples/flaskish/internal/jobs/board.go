package jobs

import (
	"context"
	"slices"
	"time"

	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

// The states of a job. They only ever go forward:
//
//	waiting -> running -> done, failed or canceled
//	waiting -> failed or canceled
const (
	stateWaiting  = "waiting"  // for a worker
	stateRunning  = "running"  // it has reported progress
	stateDone     = "done"     // the result is at its location
	stateFailed   = "failed"   // why is in Problem
	stateCanceled = "canceled" // by its owner, or by the end of the program
)

// maxShelf is how many jobs of one owner are shown.
const maxShelf = 24

// View is a job as its page shows it.
type View struct {
	ID       uint64     `json:"id"`
	Kind     string     `json:"kind"`
	Where    string     `json:"where"`
	Effort   int        `json:"effort"`
	State    string     `json:"state"`
	Percent  float64    `json:"percent"`
	PID      int        `json:"pid,omitempty"`      // of the process that it runs in
	Location string     `json:"location,omitempty"` // of its result resource
	Begun    time.Time  `json:"begun"`
	Seconds  float64    `json:"seconds,omitempty"` // it took, once it has ended
	Problem  *Complaint `json:"problem,omitempty"`
}

// Complaint is why a job failed, as its owner is told.
type Complaint struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Stderr string `json:"stderr,omitempty"` // the last that a worker wrote before it died
}

// Board is what there is to see of everybody's jobs. It belongs to the reactor;
// what happens elsewhere is told to it there.
type Board struct {
	r    *reactor.Reactor
	keep time.Duration // after the end of a job

	// Owned by the reactor.
	shelves map[string]*shelf // by owner
	last    uint64            // View.ID
}

// shelf is the jobs of one owner, and the stream that tells about them.
type shelf struct {
	jobs     []*View // the newest first
	watchers int
	stream   httpbridge.Stream[[]View]
}

// NewBoard returns a board whose state belongs to r, and which shows jobs for so
// long after their end.
func NewBoard(r *reactor.Reactor, keep time.Duration) *Board {
	return &Board{r: r, keep: keep, shelves: make(map[string]*shelf)}
}

// entry is a job on the board. Its methods may be called by any goroutine.
type entry struct {
	b     *Board
	owner string
	view  *View // owned by the reactor
}

// add puts a job of owner on the board.
func (b *Board) add(owner string, o order) *entry {
	e := &entry{b, owner, &View{Kind: o.Kind, Where: o.Where, Effort: o.Effort, State: stateWaiting, Begun: time.Now().UTC()}}
	b.do(func() {
		b.last++
		e.view.ID = b.last
		s := b.shelf(owner)
		s.jobs = slices.Insert(s.jobs, 0, e.view)
		if len(s.jobs) > maxShelf {
			s.jobs = s.jobs[:maxShelf]
		}
		s.tell()
	})
	return e
}

// update changes the job and tells its owner.
func (e *entry) update(change func(v *View)) {
	e.b.do(func() {
		change(e.view)
		if s := e.b.shelves[e.owner]; s != nil && slices.Contains(s.jobs, e.view) {
			s.tell()
		}
	})
}

// remove takes the job off the board.
func (e *entry) remove() {
	e.b.do(func() { e.b.forget(e.owner, e.view) })
}

// end notes how the job ended; it stays for a while.
func (e *entry) end(state string, problem *Complaint) {
	took := time.Since(e.view.Begun) // Begun does not change
	e.update(func(v *View) {
		v.State, v.Problem, v.Seconds = state, problem, took.Seconds()
		if state == stateDone {
			v.Percent = 100
		}
		e.b.r.CallLater(e.b.keep, func() { e.b.forget(e.owner, e.view) })
	})
}

// do runs f on the reactor. It is refused only by one that has stopped, which
// nobody looks at any more.
func (b *Board) do(f func()) { _ = b.r.Call(f) }

// The rest runs on the reactor only.

func (b *Board) shelf(owner string) *shelf {
	s := b.shelves[owner]
	if s == nil {
		s = new(shelf)
		b.shelves[owner] = s
		s.tell() // whoever comes first is told that there is nothing
	}
	return s
}

func (b *Board) forget(owner string, v *View) {
	s := b.shelves[owner]
	if s == nil || !slices.Contains(s.jobs, v) {
		return
	}
	s.jobs = slices.DeleteFunc(s.jobs, func(o *View) bool { return o == v })
	s.tell()
	b.drop(owner)
}

// drop forgets an owner who has no jobs and does not look.
func (b *Board) drop(owner string) {
	if s := b.shelves[owner]; len(s.jobs) == 0 && s.watchers == 0 {
		s.stream.Close()
		delete(b.shelves, owner)
	}
}

func (s *shelf) tell() {
	views := make([]View, len(s.jobs))
	for i, v := range s.jobs {
		views[i] = *v
	}
	_ = s.stream.Publish(views) // fails only once it is closed
}

// ended returns the job of owner with a location, if it has ended; else nil. It is
// called from outside of the reactor.
func (b *Board) ended(ctx context.Context, owner, location string) *entry {
	e, _ := reactor.WaitFor(ctx, b.r, time.Second, func(context.Context) (*entry, error) { // or nil, from a reactor that is stopping
		s := b.shelves[owner]
		if s == nil {
			return nil, nil
		}
		for _, v := range s.jobs {
			if v.Location == location && v.State != stateWaiting && v.State != stateRunning {
				return &entry{b, owner, v}, nil
			}
		}
		return nil, nil
	})
	return e
}

// watch returns the stream of owner's jobs, from outside of the reactor. It is kept
// until leave is called, though there be no jobs.
func (b *Board) watch(ctx context.Context, owner string) (stream *httpbridge.Stream[[]View], leave func(), err error) {
	away := func() {
		b.do(func() {
			b.shelves[owner].watchers--
			b.drop(owner)
		})
	}
	res := reactor.RunInReactor(ctx, b.r, func(context.Context) (*httpbridge.Stream[[]View], error) {
		s := b.shelf(owner)
		s.watchers++
		return &s.stream, nil
	})
	stream, err = res.Wait(time.Second)
	if err != nil {
		res.Cancel()
		res.OnDone(func() { // it may have been too late for that
			if o, _ := res.Peek(); o.Err == nil {
				away()
			}
		})
		return nil, nil, err
	}
	return stream, away, nil
}
