// Package chat is the chat: rooms that any number of browsers talk in. All of its
// state, who is where and what was said, belongs to one reactor: it is read and
// changed there and nowhere else, and there is no lock.
//
// A browser listens by server-sent events and speaks by POST, or does both over a
// WebSocket. Either way it follows the stream of a room at its own pace, and the
// reactor never waits for it: one that falls too far behind is cut off, and comes
// back.
package chat

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// Limits of what is said.
const (
	maxNick = 24   // runes
	maxText = 2000 // runes
	maxBody = 16 << 10
)

const (
	maxRooms = 64
	maxLog   = 100             // events of a room that a newcomer gets
	absence  = 5 * time.Second // a visitor who is gone for less has not left: a reload
	roomLife = 10 * time.Minute
)

// Rooms are those that are always there.
var Rooms = []string{"lobby", "rates", "jobs"}

var roomForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,23}$`)

// Message is something that was said.
type Message struct {
	ID   uint64    `json:"id"` // grows, within a room
	At   time.Time `json:"at"`
	Who  string    `json:"who"` // tells speakers apart; says nothing about them
	Nick string    `json:"nick"`
	Text string    `json:"text"`
}

// Event is what those in a room are told.
type Event struct {
	Message *Message // that something was said, or
	People  []string // who is there
}

// Hub is the chat. Its state belongs to the reactor.
type Hub struct {
	r *reactor.Reactor

	// Owned by the reactor.
	rooms   map[string]*room
	senders map[string]*bucket           // those who spoke of late
	tabs    int                          // that are connected, in all rooms
	closed  bool                         // nobody comes in, nothing is said
	empty   *eventual.Deferred[struct{}] // fires when closed and without tabs
}

// NewHub returns a chat whose state belongs to r.
func NewHub(r *reactor.Reactor) *Hub {
	h := &Hub{r: r, rooms: make(map[string]*room), senders: make(map[string]*bucket), empty: eventual.NewDeferred[struct{}](nil)}
	for _, name := range Rooms {
		h.rooms[name] = newRoom(name)
	}
	return h
}

// InvalidError says what is wrong with something that was to be said.
type InvalidError struct{ Field, Problem string }

func (e *InvalidError) Error() string { return fmt.Sprintf("chat: %s: %s", e.Field, e.Problem) }

// clean returns s as it is shown: valid, on one line unless lines is set, without
// spaces around it and control characters in it.
func clean(field, s string, most int, lines bool) (string, error) {
	if !utf8.ValidString(s) {
		return "", &InvalidError{field, "not valid UTF-8"}
	}
	s = strings.TrimSpace(strings.Map(func(c rune) rune {
		switch {
		case c == '\n' && lines:
			return c
		case unicode.IsSpace(c):
			return ' '
		case unicode.IsControl(c), isDirection(c):
			return -1
		}
		return c
	}, strings.ReplaceAll(s, "\r\n", "\n")))
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return "", &InvalidError{field, "empty"}
	case n > most:
		return "", &InvalidError{field, fmt.Sprintf("%d characters long, at most %d are allowed", n, most)}
	}
	return s, nil
}

// isDirection reports whether c changes the direction of text, beyond itself.
func isDirection(c rune) bool { return c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 }

// glance is what a page shows before its stream tells more.
type glance struct {
	Rooms  []string // that there are; those that stay come first
	People []string // in one of them
}

// look takes a glance at a room. On the reactor only.
func (h *Hub) look(roomName string) (g glance) {
	for name := range h.rooms {
		if !slices.Contains(Rooms, name) {
			g.Rooms = append(g.Rooms, name)
		}
	}
	slices.Sort(g.Rooms)
	g.Rooms = slices.Concat(Rooms, g.Rooms)
	if rm := h.rooms[roomName]; rm != nil {
		g.People = rm.nicks()
	}
	return g
}
