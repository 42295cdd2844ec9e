package httpbridge

import (
	"container/list"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ResourcesConfig says where result resources live, how many and for how long.
type ResourcesConfig struct {
	// Path is what the Location of a resource begins with: "/jobs/" makes it
	// "/jobs/<id>". It is taken as it is, and nothing of a request goes into it; it
	// may be a whole URL. It must end with a slash.
	Path string
	// Owner tells whose a request is, for instance by the user of its session. Only
	// requests of the same owner find what was made for one; "" is an owner like any
	// other. Zero: whoever holds the id, which nobody guesses.
	Owner func(*http.Request) string
	// Max is how many resources there may be. Zero: 10,000.
	Max int
	// MaxPerOwner is how many of them may be one owner's, if there is Owner. Zero: 32.
	MaxPerOwner int
	// TTL is how long an outcome is kept. Zero: 15 min.
	TTL time.Duration
	// MaxRun is how long work may take before it is cancelled because nobody can
	// be waiting any more. Zero: 1 h.
	MaxRun time.Duration
	// MaxWait is how long one request may wait for the outcome, when it prefers to.
	// Zero: 30 s.
	MaxWait time.Duration
	// RetryAfter is what clients are told to wait before they ask again. Zero: 1 s.
	RetryAfter time.Duration
	// Events says how {id}/events is served; its Event, View, Overflow and History
	// do not matter. Zero Owner: that of above, if there is one.
	Events EventsConfig
	// ServeProblem sends problems such as 404. Zero: Problem.ServeHTTP. Failures of
	// the work are sent by the Handler it came from.
	ServeProblem func(w http.ResponseWriter, r *http.Request, p *Problem)
	// Logger gets what a client is not told. Zero: slog.Default().
	Logger *slog.Logger
}

func (cfg ResourcesConfig) withDefaults() (ResourcesConfig, error) {
	if u, err := url.Parse(cfg.Path); err != nil || !strings.HasSuffix(cfg.Path, "/") || u.RawQuery != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/") {
		return cfg, configError("ResourcesConfig: Path %q is no path or URL that begins and ends with a slash", cfg.Path)
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		zero  time.Duration
	}{
		{"TTL", &cfg.TTL, 15 * time.Minute},
		{"MaxRun", &cfg.MaxRun, time.Hour},
		{"MaxWait", &cfg.MaxWait, 30 * time.Second},
		{"RetryAfter", &cfg.RetryAfter, time.Second},
	} {
		if *f.value < 0 {
			return cfg, configError("ResourcesConfig: %s %v is negative", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.zero
		}
	}
	for _, f := range []struct {
		name  string
		value *int
		zero  int
	}{{"Max", &cfg.Max, 10_000}, {"MaxPerOwner", &cfg.MaxPerOwner, 32}} {
		if *f.value < 0 {
			return cfg, configError("ResourcesConfig: %s %d is negative", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.zero
		}
	}
	if cfg.Events.Owner == nil {
		cfg.Events.Owner = cfg.Owner
	}
	if cfg.Events.Logger == nil {
		cfg.Events.Logger = cfg.Logger
	}
	return cfg, nil
}

// Resources keeps the results of work for clients that preferred not to wait
// (RFC 7240), each as a resource of its own under a Location with an id of 128
// random bits. Give it to a [Handler], and serve it under its Path:
//
//	GET {id}          202 with the progress while the work goes on, then the outcome,
//	                  as often as asked for, until it expires
//	GET {id}/events   the progress as server-sent events
//	DELETE {id}       ends the work and forgets it; doing so again changes nothing
//
// GET honours Prefer: wait=N, up to MaxWait. An id that is unknown, malformed or
// somebody else's is 404; one that has expired or was deleted is 410 to its owner.
//
// A resource counts as long as its work goes on or its outcome is kept. When there
// are as many as may be, the oldest outcome that was fetched makes room; if there is
// none, no more are made. Work that is pending is never dropped for another. A
// failure that nobody fetched is reported when it expires, as by
// [eventual.OnUnhandled].
//
// Whoever has Resources ends them with Close.
type Resources struct {
	// Immutable after NewResources.
	cfg    ResourcesConfig
	route  *route // sends problems that are not the work's
	events *eventServer
	life   context.Context // ends with Close
	end    context.CancelFunc

	mu       sync.Mutex // guards what follows and the state of each resource; no user code runs under it, and no lock but a tracker's is taken
	byID     map[string]*resource
	owners   map[string]*owner // who has any that count; not kept without Owner
	count    int               // that count
	pending  list.List         // of *resource, oldest first
	finished list.List         // of *resource, the first to expire in front
	past     list.List         // of *resource, the first to be forgotten in front
	timer    *time.Timer       // runs sweep when the next is due; nil before it was needed
	armed    time.Time         // when that is; zero when the timer is stopped
	closed   bool
}

type owner struct {
	count    int // that count, with and without an id
	finished list.List
}

// NewResources checks cfg. There is no goroutine until something is to expire.
func NewResources(cfg ResourcesConfig) (*Resources, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Resources{cfg: cfg, byID: make(map[string]*resource), owners: make(map[string]*owner)}
	s.route = newRoute(HandlerConfig{ServeProblem: cfg.ServeProblem, Logger: cfg.Logger})
	s.events = newEventServer(cfg.Events)
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// The states of a resource. They only ever go forward:
//
//	pending -> finished -> past    the outcome came, was kept, and expired or made room
//	pending -> past                deleted, or taking too long; the work may still go on
const (
	statePending  = iota // the work goes on
	stateFinished        // the outcome is there, until it expires
	statePast            // there is no outcome to be had any more; only told from unknown
)

// resource is one result under an id.
type resource struct {
	// Immutable once it has an id.
	id      string
	owner   string
	route   *route // encodes it
	tracker *tracker

	// Guarded by Resources.mu.
	state   int
	work    work          // nil once past
	until   time.Time     // when it goes on to the next state by itself
	place   *list.Element // in the list of its state
	mine    *list.Element // in owner.finished, if it is there
	counts  bool          // in Resources.count and its owner's
	fetched bool          // somebody got the outcome
	why     string        // past: told to the owner
}

// ticket is room for a resource that may or may not be made.
type ticket struct {
	s       *Resources
	owner   string
	tracker tracker
	used    bool // by publish, or given back; guarded by s.mu
}

// reserve makes room for a resource of r's owner.
func (s *Resources) reserve(r *http.Request) (*ticket, error) {
	t := &ticket{s: s}
	if s.cfg.Owner != nil {
		t.owner = s.cfg.Owner(r)
	}
	now := s.sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrResourcesClosed
	}
	if o := s.owners[t.owner]; o != nil && o.count >= s.cfg.MaxPerOwner && !s.makeRoomLocked(&o.finished, now) {
		return nil, errOwnerFull
	}
	if s.count >= s.cfg.Max && !s.makeRoomLocked(&s.finished, now) {
		return nil, ErrResourcesFull
	}
	s.countLocked(t.owner, 1)
	return t, nil
}

// countLocked counts one more or one less resource of an owner.
func (s *Resources) countLocked(name string, n int) {
	s.count += n
	if s.cfg.Owner == nil {
		return
	}
	o := s.owners[name]
	if o == nil {
		o = new(owner)
		s.owners[name] = o
	}
	if o.count += n; o.count == 0 {
		delete(s.owners, name)
	}
}

// roomScan is how many outcomes are looked at for one that may make room.
const roomScan = 128

// makeRoomLocked drops the oldest outcome in l that was fetched.
func (s *Resources) makeRoomLocked(l *list.List, now time.Time) bool {
	scanned := 0
	for at := l.Front(); at != nil && scanned < roomScan; at, scanned = at.Next(), scanned+1 {
		if e := at.Value.(*resource); e.fetched {
			s.pastLocked(e, now, "The result made room for others.")
			return true
		}
	}
	return false
}

// giveBack gives up the room, if no resource was made of it.
func (t *ticket) giveBack() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if !t.used {
		t.used = true
		t.s.countLocked(t.owner, -1)
	}
}

// publish makes a resource of the ticket. After Close it fails, and the work is
// cancelled by the caller.
func (t *ticket) publish(rt *route, w work) (*resource, error) {
	s, now := t.s, time.Now()
	e := &resource{id: rand.Text(), owner: t.owner, route: rt, tracker: &t.tracker, work: w, counts: true}
	if err := s.insert(t, e, now); err != nil {
		return nil, err
	}
	w.OnDone(func() { s.ended(e) })
	return e, nil
}

func (s *Resources) insert(t *ticket, e *resource, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrResourcesClosed
	}
	t.used = true
	s.byID[e.id] = e
	e.until = now.Add(s.cfg.MaxRun)
	e.place = s.pending.PushBack(e)
	s.armLocked(now)
	return nil
}
