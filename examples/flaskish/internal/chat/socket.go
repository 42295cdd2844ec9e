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

// socket is somebody who is connected by a WebSocket. What is sent to them waits
// in a queue, which one goroutine empties.
type socket struct {
	queue chan frame
	once  sync.Once // guards the close of over
	over  chan struct{}
	why   websocket.CloseError // set before over is closed
}

func newSocket() *socket {
	return &socket{queue: make(chan frame, socketSlots), over: make(chan struct{})}
}

// send queues e, or ends a connection that does not keep up. It never waits. On
// the reactor only.
func (s *socket) send(e Event) { s.put(frame{Said: e.Message, People: e.People}) }

func (s *socket) put(f frame) {
	select {
	case s.queue <- f:
	default:
		s.end(websocket.StatusPolicyViolation, "too slow")
	}
}

// bye ends the connection because the program does.
func (s *socket) bye() { s.end(websocket.StatusGoingAway, "the server is stopping") }

func (s *socket) end(code websocket.StatusCode, reason string) {
	s.once.Do(func() {
		s.why = websocket.CloseError{Code: code, Reason: reason}
		close(s.over)
	})
}

// serveSocket talks with one browser until either side ends it. The goroutine is
// the request's; it reads, and a second one, which it ends and waits for, writes.
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
	s := newSocket()
	_, leave, err := c.enter(ctx, v, s)
	if err != nil {
		_ = conn.Close(websocket.StatusTryAgainLater, "the chat is closed")
		return
	}
	defer leave()
	var writer sync.WaitGroup
	writer.Go(func() {
		defer cancel() // ends a read too
		s.write(ctx, conn)
	})
	c.read(ctx, conn, s, v)
	cancel()
	writer.Wait()
}

// write sends what is queued until the connection is over, and sees to it that a
// browser that is gone is noticed.
func (s *socket) write(ctx context.Context, conn *websocket.Conn) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case f := <-s.queue:
			err = s.one(ctx, conn, f)
		case <-ping.C:
			limited, cancel := context.WithTimeout(ctx, writeTimeout)
			err = conn.Ping(limited)
			cancel()
		case <-s.over:
			late := time.AfterFunc(closeTimeout, func() { _ = conn.CloseNow() })
			_ = conn.Close(s.why.Code, s.why.Reason) // it may be gone already
			late.Stop()
			return
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *socket) one(ctx context.Context, conn *websocket.Conn, f frame) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, data)
}

// read has the visitor say what comes in.
func (c *Chat) read(ctx context.Context, conn *websocket.Conn, s *socket, v visitor) {
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var m said
		if err := json.Unmarshal(data, &m); err != nil {
			s.end(websocket.StatusInvalidFramePayloadData, "not a message")
			return
		}
		if _, err := c.hub.Say(ctx, v.room, v.who, m.Nick, m.Text).Wait(sayTimeout); err != nil {
			s.put(frame{Error: tellable(err)})
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
