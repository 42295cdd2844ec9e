package chat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	pingEvery    = 30 * time.Second
	writeTimeout = 10 * time.Second
	closeTimeout = time.Second // for the browser to agree that the connection is closed
)

// frame is what goes down a WebSocket: one of these, named as the events are that
// go down a stream.
type frame struct {
	Said   *Message `json:"said,omitempty"`
	People []string `json:"people,omitempty"`
	Error  string   `json:"error,omitempty"`
}

// said is what comes up.
type said struct {
	Nick string `json:"nick"`
	Text string `json:"text"`
}

// serveSocket talks with one browser until either side ends it. The goroutine is
// the request's; it reads, and ends and waits for the others.
func (c *Chat) serveSocket(w http.ResponseWriter, r *http.Request) {
	v, err := c.visitor(r)
	if err != nil {
		c.site.Fail(w, r, err)
		return
	}
	conn, err := websocket.Accept(w, r, nil) // of pages of this site only
	if err != nil {
		return // the response says so
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxBody)

	// Not the request's: it says nothing about a connection that was taken over.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rm, leave, err := c.enter(ctx, v)
	if err != nil {
		_ = conn.Close(websocket.StatusTryAgainLater, "the chat is closed")
		return
	}
	defer leave()
	var others sync.WaitGroup
	for _, f := range []func(){
		func() { write(ctx, conn, rm) },
		func() { ping(ctx, conn) },
	} {
		others.Go(func() {
			defer cancel() // which ends the read too
			f()
		})
	}
	c.read(ctx, conn, v)
	cancel()
	others.Wait()
}

// write sends what happens in the room. One who does not keep up is sent away, and
// comes back.
func write(ctx context.Context, conn *websocket.Conn, rm *room) {
	for e, err := range rm.stream.Watch(ctx, maxLog) {
		if err != nil {
			hangUp(conn, websocket.StatusPolicyViolation, "too slow")
			return
		}
		if send(ctx, conn, frame{Said: e.Message, People: e.People}) != nil {
			return
		}
	}
	if ctx.Err() == nil {
		hangUp(conn, websocket.StatusGoingAway, "the room is closed")
	}
}

func send(ctx context.Context, conn *websocket.Conn, f frame) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, data)
}

// ping sees to it that a browser that is gone is noticed.
func ping(ctx context.Context, conn *websocket.Conn) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		limited, cancel := context.WithTimeout(ctx, writeTimeout)
		err := conn.Ping(limited)
		cancel()
		if err != nil {
			return
		}
	}
}

// hangUp closes conn in good order, if the browser takes part in it in time.
func hangUp(conn *websocket.Conn, code websocket.StatusCode, reason string) {
	late := time.AfterFunc(closeTimeout, func() { _ = conn.CloseNow() })
	defer late.Stop()
	_ = conn.Close(code, reason) // it may be gone already
}

// read has the visitor say what comes in.
func (c *Chat) read(ctx context.Context, conn *websocket.Conn, v visitor) {
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var m said
		if err := json.Unmarshal(data, &m); err != nil {
			hangUp(conn, websocket.StatusInvalidFramePayloadData, "not a message")
			return
		}
		if _, err := c.hub.Say(ctx, v.room, v.who, m.Nick, m.Text).Wait(sayTimeout); err != nil {
			if send(ctx, conn, frame{Error: tellable(err)}) != nil {
				return
			}
		}
	}
}

// tellable is err as a visitor is told.
func tellable(err error) string {
	var invalid *InvalidError
	var flood *FloodError
	switch {
	case errors.As(err, &invalid):
		return "The " + invalid.Field + " is " + invalid.Problem + "."
	case errors.As(err, &flood):
		return "You said a lot in a short time. Wait a moment."
	}
	return "That could not be said. Try again."
}
