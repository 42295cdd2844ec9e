package chat

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

//go:embed chat.html
var files embed.FS

var page = site.Page{Path: "/chat", Title: "Chat", Styles: []string{"chat.css"}, Script: "chat.js"}.Parse(files, "chat.html")

const (
	sayTimeout  = 2 * time.Second
	perVisitor  = 8   // streams
	mostStreams = 500 // in all
)

// Chat is the chat's page and API.
type Chat struct {
	hub  *Hub
	site *site.Site
}

// New returns the page and API of hub.
func New(hub *Hub, s *site.Site) *Chat { return &Chat{hub, s} }

// Register adds the page and the API to mux.
func (c *Chat) Register(mux *http.ServeMux) {
	mux.Handle("GET /chat", site.WithSession(http.HandlerFunc(c.page)))
	mux.Handle("GET /api/chat/{room}/events", c.events())
	mux.HandleFunc("GET /api/chat/{room}/socket", c.serveSocket)
	mux.Handle("POST /api/chat/{room}", httpbridge.Handler(c.post, httpbridge.HandlerConfig{
		Timeout: sayTimeout, Errors: c.errors(), Logger: c.site.Logger,
	}))
}

func (c *Chat) page(w http.ResponseWriter, r *http.Request) {
	type view struct {
		Room, Who        string
		MaxNick, MaxText int
		glance
	}
	v := view{Room: r.URL.Query().Get("room"), Who: who(r), MaxNick: maxNick, MaxText: maxText}
	if v.Room == "" {
		v.Room = Rooms[0]
	}
	if !roomForm.MatchString(v.Room) {
		c.site.NotFound(w, r)
		return
	}
	seen, err := reactor.WaitFor(r.Context(), c.hub.r, sayTimeout, func(context.Context) (glance, error) {
		return c.hub.look(v.Room), nil
	})
	if err != nil {
		c.site.Fail(w, r, httpbridge.ProblemFor(err))
		return
	}
	v.glance = seen
	c.site.Render(w, r, page, v)
}

// visitor is who a request comes from, and where to.
type visitor struct{ room, who, nick string }

// who tells visitors apart without telling who they are.
func who(r *http.Request) string {
	sum := sha256.Sum256([]byte("chat " + site.Client(r)))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func (c *Chat) visitor(r *http.Request) (visitor, error) {
	v := visitor{room: r.PathValue("room"), who: who(r)}
	if !roomForm.MatchString(v.room) {
		return v, c.problem(errNoRoom)
	}
	nick, err := clean("nick", r.URL.Query().Get("nick"), maxNick, false)
	if err != nil {
		return v, c.problem(err)
	}
	v.nick = nick
	return v, nil
}

func (c *Chat) problem(err error) error { return httpbridge.ProblemFor(err, c.errors()...) }

// errors say how what the hub refuses is told.
func (c *Chat) errors() []httpbridge.ErrorRule {
	return []httpbridge.ErrorRule{
		httpbridge.OnErrorAs(func(e *InvalidError) *httpbridge.Problem {
			return &httpbridge.Problem{Status: http.StatusUnprocessableEntity, Title: "Not a message", Detail: tellable(e), Extensions: map[string]any{"field": e.Field}}
		}),
		httpbridge.OnErrorAs(func(e *FloodError) *httpbridge.Problem {
			return &httpbridge.Problem{Status: http.StatusTooManyRequests, Detail: tellable(e), RetryAfter: e.Wait}
		}),
		httpbridge.OnError(errNoRoom, http.StatusNotFound),
		httpbridge.OnError(errManyRooms, http.StatusServiceUnavailable),
		httpbridge.OnError(errClosed, http.StatusServiceUnavailable),
	}
}

// post says something; the response is the message.
func (c *Chat) post(r *http.Request) *eventual.Result[Message] {
	var m said
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(&m); err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			return eventual.Failed[Message](err)
		}
		return eventual.Failed[Message](&httpbridge.Problem{Status: http.StatusBadRequest, Detail: "The body must be a JSON object with nick and text."})
	}
	return c.hub.Say(r.Context(), r.PathValue("room"), who(r), m.Nick, m.Text)
}

type roomKey struct{}

// events is the stream of a room. Whoever follows it is there.
func (c *Chat) events() http.Handler {
	stream := httpbridge.Subscribe(func(r *http.Request) (httpbridge.Subscription[Event], error) {
		rm, _ := r.Context().Value(roomKey{}).(*room)
		return httpbridge.Subscription[Event]{Stream: &rm.stream}, nil
	}, httpbridge.EventsConfig{
		History: maxLog, Owner: who, MaxPerOwner: perVisitor, MaxClients: mostStreams, Logger: c.site.Logger,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := c.visitor(r)
		if err != nil {
			c.site.Fail(w, r, err)
			return
		}
		rm, leave, err := c.enter(r.Context(), v)
		if err != nil {
			c.site.Fail(w, r, c.problem(err))
			return
		}
		defer leave()
		stream.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), roomKey{}, rm)))
	})
}

// enter joins the room on the reactor; leave takes that back, there too.
func (c *Chat) enter(ctx context.Context, v visitor) (rm *room, leave func(), err error) {
	h := c.hub
	leaveRoom := func(rm *room) {
		_ = h.r.Call(func() { h.leave(rm, v.who) }) // refused only by a reactor that has stopped
	}
	res := reactor.RunInReactor(ctx, h.r, func(context.Context) (*room, error) { return h.join(v.room, v.who, v.nick) })
	rm, err = res.Wait(sayTimeout)
	if err != nil {
		res.Cancel()
		res.OnDone(func() { // it may have been too late for that
			if o, _ := res.Peek(); o.Err == nil {
				leaveRoom(o.Value)
			}
		})
		return nil, nil, err
	}
	return rm, func() { leaveRoom(rm) }, nil
}
