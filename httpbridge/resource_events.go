package httpbridge

import (
	"bytes"
	"encoding/json"
	"time"
)

const (
	// eventEvery is how much time there is between two progress events at least.
	eventEvery = 100 * time.Millisecond
	// askEvery is how often work is asked that does not tell of its progress.
	askEvery = 500 * time.Millisecond
)

// The ids of a resource's events. A browser that comes again after the last one is
// told that nothing will come any more.
const (
	epochProgress = "run"
	epochEnd      = "end"
)

// serveEvents sends the status, as the event progress, whenever it changes, and in
// the end the event done.
func (s *Resources) serveEvents(x *exchange, f found) {
	x.out = true
	leave, ok := s.events.admit(x.w, x.r)
	if !ok {
		return
	}
	defer leave()
	private(x.w.Header())
	p := &progressSource{s: s, e: f.resource}
	defer p.stop()
	s.events.serve(x.w, x.r, p)
}

// progressSource gives one client the events of a resource. It belongs to the
// goroutine that serves the request.
type progressSource struct {
	s     *Resources
	e     *resource
	n     uint64 // progress events so far
	last  []byte // of which this was the last
	at    time.Time
	timer *time.Timer // of the next look; nil if there was none
	over  bool
}

// end is the last event of a resource.
type end struct {
	State    string `json:"state"` // completed, failed or gone
	Status   int    `json:"status"`
	Location string `json:"location"`
}

func (p *progressSource) open(last string) (first []byte, err error) {
	if id, ok := parseEventID(last); ok && id.epoch == epochEnd {
		return nil, ErrStreamClosed
	}
	return endEvent(nil, eventID{epochProgress, 0}), nil
}

func (p *progressSource) take() (frames [][]byte, more <-chan struct{}, err error) {
	if p.over {
		return nil, nil, ErrStreamClosed
	}
	more = p.e.tracker.next()
	if doc, ended := p.s.endOf(p.e); ended {
		if p.s.life.Err() != nil {
			return nil, nil, ErrResourcesClosed
		}
		p.over = true
		data, err := json.Marshal(doc)
		return p.frame("done", data, eventID{epochEnd, 1}), nil, err
	}
	if early := eventEvery - time.Since(p.at); p.n > 0 && early > 0 {
		return nil, p.after(early), nil
	}
	doc, asked := p.s.statusOf(p.e)
	if data := p.s.encodeStatus(doc); p.n == 0 || !bytes.Equal(data, p.last) {
		p.n, p.last, p.at = p.n+1, data, time.Now()
		return p.frame("progress", data, eventID{epochProgress, p.n}), nil, nil
	}
	if asked {
		p.stop()
		p.timer = time.AfterFunc(askEvery, p.e.tracker.change)
	}
	return nil, more, nil
}

func (p *progressSource) frame(name string, data []byte, id eventID) [][]byte {
	b, _ := appendEvent(nil, name, data) // the name is ours
	return [][]byte{endEvent(b, id)}
}

// after returns a channel that is closed after d, or by nobody after stop.
func (p *progressSource) after(d time.Duration) <-chan struct{} {
	p.stop()
	c := make(chan struct{})
	p.timer = time.AfterFunc(d, func() { close(c) })
	return c
}

func (p *progressSource) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

// endOf returns the last event of e, if nothing comes after it.
func (s *Resources) endOf(e *resource) (doc end, ended bool) {
	s.mu.Lock()
	state, w := e.state, e.work
	s.mu.Unlock()
	doc = end{State: "gone", Status: 410, Location: s.cfg.Path + e.id}
	if state == statePast {
		return doc, true
	}
	_, err, ok := w.peek()
	switch {
	case !ok:
		return doc, false
	case err != nil:
		doc.State, doc.Status = "failed", ProblemFor(err, e.route.Errors...).status()
	default:
		doc.State, doc.Status = "completed", 200
	}
	return doc, true
}
