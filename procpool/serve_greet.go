package procpool

import (
	"encoding/json"
	"fmt"

	"github.com/trestle-go/trestle/internal/frame"
)

// greet says who the worker is, hears what the pool wants of it, and says that it
// serves; or that it cannot, if bad says why.
func (s *server) greet(h hello, bad error) error {
	body, _ := json.Marshal(h) // strings and numbers always can be
	s.send(frame.Hello, 0, 0, body)
	f, err := s.r.Next()
	if err != nil {
		return fmt.Errorf("no welcome: %w", err)
	}
	var w welcome
	if f.Type != frame.Welcome {
		return fmt.Errorf("%v in place of a welcome", f.Type)
	}
	if err := json.Unmarshal(f.Body, &w); err != nil {
		return fmt.Errorf("welcome: %w", err)
	}
	switch {
	case w.Error != "":
		return fmt.Errorf("pool %s refuses this worker: %s", w.Pool, w.Error)
	case w.Protocol != protocolVersion:
		return fmt.Errorf("the pool speaks version %d of the protocol, this worker version %d", w.Protocol, protocolVersion)
	case w.Codec == jsonCodec.String():
		s.codecs.codec = jsonCodec
	case w.Codec != gobCodec.String():
		return fmt.Errorf("the pool speaks the codec %q, this worker gob and json", w.Codec)
	}
	s.codecs.limit, s.shares = w.MaxPayload, w.Shared && h.Shared
	s.reserve.limit = w.Reserve
	if w.Tray {
		fd, _ := s.c.takeFD()
		s.tray, _ = adoptTray(fd) // if limits forbid it each result is written by itself
	}
	s.r.SetLimit(w.MaxPayload + 1<<20)
	var r ready
	if bad != nil {
		r.Error = bad.Error()
	}
	body, _ = json.Marshal(r)
	s.send(frame.Ready, 0, 0, body)
	return bad
}
