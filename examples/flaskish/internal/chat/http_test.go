package chat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/trestle-go/trestle/examples/flaskish/internal/site"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

const patience = 20 * time.Second

type server struct {
	*httptest.Server
	hub *Hub
}

// serve serves a chat over real HTTP.
func serve(t *testing.T) *server {
	r := reactor.New(reactor.Config{Name: "chat"})
	r.Start()
	s := &site.Site{Logger: slog.New(slog.DiscardHandler)}
	h := NewHub(r)
	mux := http.NewServeMux()
	New(h, s).Register(mux)
	srv := httptest.NewUnstartedServer(site.WithPolicy(mux))
	httpbridge.EndOnShutdown(srv.Config)
	srv.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
		if err := r.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return &server{srv, h}
}

// visitor returns a client with a session of its own.
func (s *server) visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: s.Client().Transport, Timeout: 0}
	resp, err := c.Get(s.URL + "/chat")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), `data-room="lobby"`) {
		t.Fatalf("page: %d, %v", resp.StatusCode, err)
	}
	return c
}

func (s *server) post(t *testing.T, c *http.Client, room, nick, text string) (int, map[string]any) {
	t.Helper()
	body, err := json.Marshal(said{nick, text})
	if err != nil {
		t.Fatal(err)
	}
	return s.postBody(t, c, room, body)
}

func (s *server) postBody(t *testing.T, c *http.Client, room string, body []byte) (int, map[string]any) {
	t.Helper()
	resp, err := c.Post(s.URL+"/api/chat/"+room, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatalf("%d: %v", resp.StatusCode, err)
	}
	return resp.StatusCode, doc
}

// listener reads a stream of events.
type listener struct {
	*bufio.Scanner
	close func()
}

func (s *server) listen(t *testing.T, c *http.Client, room, nick string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/chat/"+room+"/events?nick="+nick, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	l := &listener{bufio.NewScanner(resp.Body), func() { cancel(); resp.Body.Close() }}
	t.Cleanup(l.close)
	return l
}

// next returns the data of the next event of a name.
func (l *listener) next(t *testing.T, name string) string {
	t.Helper()
	at := ""
	for l.Scan() {
		if event, ok := strings.CutPrefix(l.Text(), "event: "); ok {
			at = event
		}
		if data, ok := strings.CutPrefix(l.Text(), "data: "); ok && at == name {
			return data
		}
	}
	t.Fatalf("the stream ended: %v", l.Err())
	return ""
}

func TestPostAndEvents(t *testing.T) {
	s := serve(t)
	ada, bob := s.visitor(t), s.visitor(t)
	l := s.listen(t, bob, "lobby", "Bob")
	if got := l.next(t, "people"); got != `["Bob"]` {
		t.Errorf("people: %s", got)
	}
	status, doc := s.post(t, ada, "lobby", "Ada", "<script>alert(1)</script>\nand more")
	if status != 200 || doc["text"] != "<script>alert(1)</script>\nand more" {
		t.Errorf("%d %v", status, doc)
	}
	var m Message
	if err := json.Unmarshal([]byte(l.next(t, "said")), &m); err != nil || m.Text != doc["text"] || m.Nick != "Ada" || m.Who == "" {
		t.Errorf("%+v, %v", m, err)
	}
	late := s.listen(t, ada, "lobby", "Ada")
	if got := late.next(t, "said"); !strings.Contains(got, "and more") {
		t.Errorf("a newcomer got %s", got)
	}
	if got := l.next(t, "people"); got != `["Ada","Bob"]` {
		t.Errorf("people: %s", got)
	}
}

func TestPostsThatAreRefused(t *testing.T) {
	s := serve(t)
	c := s.visitor(t)
	for _, bad := range []struct {
		room, body string
		status     int
		field      string
	}{
		{"lobby", `{"nick":"","text":"x"}`, 422, "nick"},
		{"lobby", `{"nick":"Ada","text":" "}`, 422, "text"},
		{"lobby", `{"nick":"Ada","text":"` + strings.Repeat("x", maxText+1) + `"}`, 422, "text"},
		{"lobby", `{"nick":"Ada","text":"` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
		{"lobby", `not JSON`, 400, ""},
		{"No-Such", `{"nick":"Ada","text":"x"}`, 404, ""},
	} {
		status, doc := s.postBody(t, c, bad.room, []byte(bad.body))
		if status != bad.status || bad.field != "" && doc["field"] != bad.field {
			t.Errorf("%.40s: %d %v", bad.body, status, doc)
		}
	}
	for i := 0; ; i++ {
		status, _ := s.post(t, c, "lobby", "Ada", "x")
		if status == http.StatusTooManyRequests {
			break
		}
		if i > 1000 {
			t.Fatal("a flood is not refused")
		}
	}
	if resp, err := c.Get(s.URL + "/api/chat/lobby/events?nick="); err != nil || resp.StatusCode != 422 {
		t.Errorf("no nick: %v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
}

func TestOtherSitesCannotSpeakOrListen(t *testing.T) {
	s := serve(t)
	c := s.visitor(t)
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		path := map[string]string{http.MethodPost: "/api/chat/lobby", http.MethodGet: "/api/chat/lobby/events?nick=x"}[method]
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(`{"nick":"x","text":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://evil.example")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", method, resp.StatusCode)
		}
	}
	_, resp, err := websocket.Dial(t.Context(), s.URL+"/api/chat/lobby/socket?nick=x", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("socket: %v, %v", resp, err)
	}
}

func (s *server) dial(t *testing.T, nick string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), s.URL+"/api/chat/lobby/socket?nick="+nick, &websocket.DialOptions{HTTPClient: s.visitor(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// hear reads frames until one is right.
func hear(t *testing.T, conn *websocket.Conn, right func(frame) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var f frame
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if right(f) {
			return
		}
	}
}

func TestSocketsAndEventsAreInOneRoom(t *testing.T) {
	s := serve(t)
	ada := s.dial(t, "Ada")
	l := s.listen(t, s.visitor(t), "lobby", "Bob")
	hear(t, ada, func(f frame) bool { return fmt.Sprint(f.People) == "[Ada Bob]" })
	if err := ada.Write(t.Context(), websocket.MessageText, []byte(`{"nick":"Ada","text":"by socket"}`)); err != nil {
		t.Fatal(err)
	}
	if got := l.next(t, "said"); !strings.Contains(got, "by socket") {
		t.Errorf("heard %s", got)
	}
	hear(t, ada, func(f frame) bool { return f.Said != nil && f.Said.Text == "by socket" })
	if err := ada.Write(t.Context(), websocket.MessageText, []byte(`{"nick":"Ada","text":""}`)); err != nil {
		t.Fatal(err)
	}
	hear(t, ada, func(f frame) bool { return f.Error == "The text is empty." })
	if err := ada.Write(t.Context(), websocket.MessageText, []byte(`nonsense`)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, err := ada.Read(t.Context()); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusInvalidFramePayloadData {
				t.Error(err)
			}
			break
		}
	}
}

// TestSilentClientsDelayNobody has clients that read nothing, of either kind, while
// others talk: each message arrives, and what is kept for all does not grow.
func TestSilentClientsDelayNobody(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"events", "socket"} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "GET /api/chat/lobby/%s?nick=Silent HTTP/1.1\r\nHost: %s\r\n", path, s.Listener.Addr())
		if err == nil && path == "socket" {
			_, err = fmt.Fprint(conn, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")
		}
		if err == nil {
			_, err = fmt.Fprint(conn, "\r\n")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l := s.listen(t, s.visitor(t), "lobby", "Bob")
	l.Buffer(nil, 1<<20)
	long := strings.Repeat("x", maxText)
	var last time.Duration
	for i := range 2000 { // some megabytes: more than any socket takes
		begun := time.Now()
		m := Message{ID: uint64(i), Text: long}
		if _, err := reactor.WaitFor(t.Context(), s.hub.r, patience, func(context.Context) (struct{}, error) {
			s.hub.rooms["lobby"].tell(Event{Message: &m})
			return struct{}{}, nil
		}); err != nil {
			t.Fatal(err)
		}
		l.next(t, "said")
		last = max(last, time.Since(begun))
	}
	if last > writeTimeout/2 {
		t.Errorf("a message took %v: as long as a client that reads nothing is waited for", last)
	}
	if st := s.hub.rooms["lobby"].stream.Stats(); st.KeptBytes > 2<<20 {
		t.Errorf("%d bytes are kept", st.KeptBytes)
	}
}
