package chat

import (
	"context"
	"errors"
	"slices"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

var (
	errNoRoom    = errors.New("chat: no such room can be")
	errManyRooms = errors.New("chat: there are as many rooms as may be")
	errClosed    = errors.New("chat: closed")
)

// Everything in this file with a lower-case name runs on the reactor only.

// Say has who say text in a room. The result is the message, or why not: an
// *InvalidError or *FloodError.
func (h *Hub) Say(ctx context.Context, roomName, who, nick, text string) *eventual.Result[Message] {
	nick, err := clean("nick", nick, maxNick, false)
	if err == nil {
		text, err = clean("text", text, maxText, true)
	}
	if err != nil {
		return eventual.Failed[Message](err)
	}
	return reactor.RunInReactor(ctx, h.r, func(context.Context) (Message, error) {
		return h.say(roomName, who, nick, text)
	})
}

func (h *Hub) say(roomName, who, nick, text string) (Message, error) {
	rm, err := h.room(roomName)
	if err != nil {
		return Message{}, err
	}
	now := h.r.Now()
	if err := h.allow(who, now); err != nil {
		return Message{}, err
	}
	rm.last++
	m := Message{ID: rm.last, At: now.UTC(), Who: who, Nick: nick, Text: text}
	if p := rm.people[who]; p != nil && p.nick != nick {
		p.nick = nick
		rm.tell(Event{People: rm.nicks()})
	}
	rm.tell(Event{Message: &m})
	return m, nil
}

// room returns the room, which is made if there is none.
func (h *Hub) room(name string) (*room, error) {
	if h.closed {
		return nil, errClosed
	}
	if rm := h.rooms[name]; rm != nil {
		return rm, nil
	}
	if !roomForm.MatchString(name) {
		return nil, errNoRoom
	}
	if len(h.rooms) >= maxRooms {
		return nil, errManyRooms
	}
	rm := newRoom(name)
	h.rooms[name] = rm
	h.expire(rm)
	return rm, nil
}

// join adds a tab of who to a room.
func (h *Hub) join(roomName, who, nick string) (*room, error) {
	rm, err := h.room(roomName)
	if err != nil {
		return nil, err
	}
	p := rm.people[who]
	if p == nil {
		p = new(person)
		rm.people[who] = p
	}
	p.tabs++
	h.tabs++
	if p.gone != nil {
		p.gone.Cancel()
		p.gone = nil
	}
	if rm.expiry != nil {
		rm.expiry.Cancel()
		rm.expiry = nil
	}
	if p.nick != nick {
		p.nick = nick
		rm.tell(Event{People: rm.nicks()})
	}
	return rm, nil
}

// leave takes a tab away. Somebody without any is gone after a while.
func (h *Hub) leave(rm *room, who string) {
	p := rm.people[who]
	p.tabs--
	h.tabs--
	if h.closed {
		h.checkEmpty()
		return
	}
	if p.tabs > 0 {
		return
	}
	p.gone = h.r.CallLater(absence, func() {
		delete(rm.people, who)
		rm.tell(Event{People: rm.nicks()})
		if len(rm.people) == 0 {
			h.expire(rm)
		}
	})
}

// expire drops a room that nobody comes to, unless it is one of those that stay.
func (h *Hub) expire(rm *room) {
	if slices.Contains(Rooms, rm.name) || h.closed {
		return
	}
	rm.expiry = h.r.CallLater(roomLife, func() {
		rm.stream.Close()
		delete(h.rooms, rm.name)
	})
}

// close ends everything: whoever follows a room comes to its end. It fires when
// they all have left.
func (h *Hub) close() *eventual.Deferred[struct{}] {
	h.closed = true
	for _, rm := range h.rooms {
		rm.stream.Close()
		for _, p := range rm.people {
			if p.gone != nil {
				p.gone.Cancel()
			}
		}
		if rm.expiry != nil {
			rm.expiry.Cancel()
		}
	}
	h.checkEmpty()
	return h.empty
}

func (h *Hub) checkEmpty() {
	if h.tabs == 0 {
		_ = h.empty.Callback(struct{}{}) // a second Close finds it fired
	}
}

// Close ends the chat: whoever is connected is sent away, and nobody comes in. It
// waits for the last to go, as long as ctx allows.
func (h *Hub) Close(ctx context.Context) error {
	// Giving up the wait takes nothing back, so ctx is not that of the work.
	res := reactor.RunDeferred(context.WithoutCancel(ctx), h.r, func(context.Context) *eventual.Deferred[struct{}] { return h.close() })
	_, err := res.WaitContext(ctx)
	if err != nil {
		res.OnDone(func() { res.Peek() }) // how it ends after all is nobody's concern
	}
	return err
}
