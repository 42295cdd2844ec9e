package procpool

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/trestle-go/trestle/internal/frame"
)

// protocolVersion is that of docs/worker-protocol.md.
const protocolVersion = 1

// hello is what a worker says first, in JSON.
type hello struct {
	Protocol int      `json:"protocol"`
	PID      int      `json:"pid"`
	Program  string   `json:"program"`          // of a Go program its main package; else what one likes
	Build    string   `json:"build,omitempty"`  // see build.go; empty if it claims no kinship
	Codecs   []string `json:"codecs"`           // that it understands
	Shared   bool     `json:"shared,omitempty"` // it takes and sends large values in shared memory
	Tray     bool     `json:"tray,omitempty"`   // it puts results that wait to be written into shared memory
}

// welcome is what the pool answers.
type welcome struct {
	Protocol   int    `json:"protocol"`
	Codec      string `json:"codec"`
	MaxPayload int    `json:"max_payload"`
	Shared     bool   `json:"shared"`
	Tray       bool   `json:"tray,omitempty"`    // its descriptor comes with this frame
	Reserve    int    `json:"reserve,omitempty"` // see reserve; bytes
	Pool       string `json:"pool"`
	Worker     int    `json:"worker"`
	Error      string `json:"error,omitempty"` // why it is not welcome; the pool kills it
}

// ready is what the worker says when it serves.
type ready struct {
	Error string `json:"error,omitempty"` // why it does not; it exits
}

// hello looks at who the worker is.
func (w *worker) hello(f frame.Frame) error {
	if w.greeted {
		return errors.New("a second hello")
	}
	var h hello
	if err := json.Unmarshal(f.Body, &h); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	w.greeted = true
	p := w.p
	answer := welcome{
		Protocol: protocolVersion, Codec: p.encoder.codec.String(), MaxPayload: p.cfg.MaxPayload,
		Shared: h.Shared, Reserve: p.cfg.reserve(), Pool: p.cfg.Name, Worker: w.id,
	}
	err := p.acceptable(h)
	if err == nil {
		if err = w.child.process.hold(p.applyLimits); err != nil {
			err = fmt.Errorf("limits: %w", err)
		}
	}
	if err != nil {
		answer.Error = err.Error()
		w.startErr = err
	}
	w.shares = h.Shared
	if h.Tray && err == nil {
		answer.Tray = w.sendTray()
	}
	body, _ := json.Marshal(answer) // strings and numbers always can be
	w.putFrame(frame.Welcome, 0, 0, body)
	if err != nil {
		w.flush() // as far as it gets
		w.kill(killStart)
	}
	return nil
}

// sendTray gives the worker a tray, with the next frame. It does without if there
// is none to be had.
func (w *worker) sendTray() bool {
	t, mem, err := newTray()
	if err != nil {
		return false
	}
	w.tray = t
	o := w.outbox()
	o.fds = append(o.fds, fdMark{len(o.buf), mem})
	return true
}

// acceptable says what is wrong with a worker.
func (p *Pool) acceptable(h hello) error {
	switch {
	case h.Protocol != protocolVersion:
		return fmt.Errorf("it speaks version %d of the protocol, this pool version %d", h.Protocol, protocolVersion)
	case !slices.Contains(h.Codecs, p.encoder.codec.String()):
		return fmt.Errorf("it understands the codecs %q, this pool speaks %s", h.Codecs, p.encoder.codec)
	case p.cfg.InProcess:
		return nil
	}
	return sameBuild(h.Program, h.Build, len(p.cfg.Command) > 0)
}

// ready puts the worker to work.
func (w *worker) ready(f frame.Frame) error {
	var r ready
	if err := json.Unmarshal(f.Body, &r); err != nil {
		return fmt.Errorf("ready: %w", err)
	}
	if !w.greeted || !w.stateIs(Starting) {
		return errors.New("ready at the wrong time")
	}
	if r.Error != "" {
		w.startErr = errors.New(r.Error)
		w.kill(killStart)
		return nil
	}
	w.due.serve, w.serves = 0, true
	p := w.p
	p.mu.Lock()
	p.starting--
	w.setLocked(Idle)
	p.trouble.servesLocked()
	p.growLocked()
	p.mu.Unlock()
	return nil
}
