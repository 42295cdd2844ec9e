package httpbridge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
)

// patience bounds what must happen; a test that passes never waits for it.
const patience = time.Minute

// event is a server-sent event as a browser would dispatch it.
type event struct{ id, name, data string }

// following is a client of a stream, which reads as the HTML standard says.
type following struct {
	t    *testing.T
	resp *http.Response
	r    *bufio.Reader
	id   string // the last, as a browser would send it
}

// follow connects. The header must be there before any event is.
func follow(t *testing.T, url string, header ...string) *following {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); resp.Body.Close(); transport.CloseIdleConnections() })
	return &following{t: t, resp: resp, r: bufio.NewReader(resp.Body)}
}

// read returns the next event, or the error that ends the stream.
func (f *following) read() (e event, err error) {
	var data []string
	for {
		line, err := f.r.ReadString('\n')
		if err != nil {
			return event{}, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "":
			if line != "\n" { // a comment
				continue
			}
			if data == nil { // no event, and its name is forgotten
				e = event{}
				continue
			}
			e.id, e.data = f.id, strings.Join(data, "\n")
			return e, nil
		case "data":
			data = append(data, value)
		case "event":
			e.name = value
		case "id":
			f.id = value
		}
	}
}

func (f *following) next() event {
	f.t.Helper()
	e, err := f.read()
	if err != nil {
		f.t.Fatalf("stream ended: %v", err)
	}
	return e
}

func (f *following) want(data ...string) {
	f.t.Helper()
	for _, d := range data {
		if e := f.next(); e.data != d {
			f.t.Fatalf("got %+v, want %q", e, d)
		}
	}
}

func serve(t *testing.T, h http.Handler, change ...func(*http.Server)) (url string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	for _, f := range change {
		f(srv.Config)
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

func publish[T any](t *testing.T, s *httpbridge.Stream[T], vs ...T) {
	t.Helper()
	for _, v := range vs {
		if err := s.Publish(v); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStream_H06_HeaderAtOnceAndEventsInOrder(t *testing.T) {
	var s httpbridge.Stream[int]
	f := follow(t, serve(t, s.Handler(httpbridge.EventsConfig{}))) // nothing is published yet
	if h := f.resp.Header; f.resp.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" || h.Get("X-Accel-Buffering") != "no" {
		t.Errorf("%d %v", f.resp.StatusCode, h)
	}
	publish(t, &s, 1, 2)
	first, second := f.next(), f.next()
	if first.data != "1" || second.data != "2" {
		t.Errorf("%+v, %+v", first, second)
	}
	epoch, n, _ := strings.Cut(first.id, "-")
	if epoch == "" || n != "1" || second.id != epoch+"-2" {
		t.Errorf("ids %q, %q", first.id, second.id)
	}
}

func TestStream_H06_ReplayAndReset(t *testing.T) {
	s := httpbridge.Stream[int]{Replay: 3}
	url := serve(t, s.Handler(httpbridge.EventsConfig{}))
	f := follow(t, url)
	publish(t, &s, 1, 2)
	f.want("1")
	id := f.id
	f.resp.Body.Close()
	publish(t, &s, 3, 4) // 2, 3 and 4 are kept

	follow(t, url, "Last-Event-ID", id).want("2", "3", "4")
	follow(t, url+"?lastEventId="+id).want("2", "3", "4")
	publish(t, &s, 5) // and now 2 is not
	for _, last := range []string{id, "other-1", strings.Replace(id, "-1", "-99", 1), "nonsense"} {
		f := follow(t, url, "Last-Event-ID", last)
		if e := f.next(); e.name != "reset" {
			t.Errorf("%s: %+v", last, e)
		}
		f.want("3", "4", "5")
	}
}

// A client that is cut off before its first event misses none.
func TestStream_H06_AnIDFromTheStart(t *testing.T) {
	var s httpbridge.Stream[int]
	url := serve(t, s.Handler(httpbridge.EventsConfig{Heartbeat: time.Millisecond}))
	publish(t, &s, 1)
	f := follow(t, url)
	for f.id == "" {
		if line, err := f.r.ReadString('\n'); err != nil {
			t.Fatal(err)
		} else if id, ok := strings.CutPrefix(line, "id: "); ok {
			f.id = strings.TrimSpace(id)
		}
	}
	f.resp.Body.Close()
	publish(t, &s, 2)
	follow(t, url, "Last-Event-ID", f.id).want("2")
}

func TestStream_H06_History(t *testing.T) {
	var s httpbridge.Stream[int]
	url := serve(t, s.Handler(httpbridge.EventsConfig{History: 2}))
	publish(t, &s, 1, 2, 3)
	follow(t, url).want("2", "3")
}

func TestEvents_H06_TheValueThatIsThereAndThenChanges(t *testing.T) {
	var l eventual.Latest[string]
	url := serve(t, httpbridge.Events(&l, httpbridge.EventsConfig{Event: "rate", View: func(s httpbridge.Seen) any { return fmt.Sprint("<", s.Value, ">") }}))
	early := follow(t, url)
	l.Set("a")
	if e := early.next(); e.name != "rate" || e.data != `"<a>"` {
		t.Errorf("%+v", e)
	}
	l.Set("b")
	early.want(`"<b>"`)
	late := follow(t, url)
	late.want(`"<b>"`)
	again := follow(t, url, "Last-Event-ID", late.id) // has seen b
	l.Set("c")
	again.want(`"<c>"`)
	follow(t, url, "Last-Event-ID", "other-7").want(`"<c>"`)
}

// stall connects a client that never reads, to a server whose connections have
// smallBuffers, so that little is needed until a write to it blocks.
func stall(t *testing.T, url string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
}

func smallBuffers(srv *http.Server) {
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		c.(*net.TCPConn).SetWriteBuffer(4 << 10)
		return ctx
	}
}

// One client reads nothing, and another is not delayed by it; the first is
// disconnected, and no publication waits.
func TestStream_H06_AStalledClientDelaysNobody(t *testing.T) {
	s := httpbridge.Stream[string]{Replay: 16}
	url := serve(t, s.Handler(httpbridge.EventsConfig{WriteTimeout: time.Second}), smallBuffers)
	stall(t, url)
	reader := follow(t, url)
	await(t, func() bool { return s.Stats().Clients == 2 })

	big := strings.Repeat("x", 32<<10)
	published := 0
	await(t, func() bool {
		publish(t, &s, big)
		reader.want(`"` + big + `"`)
		published++
		return s.Stats().Clients == 1
	})
	if published < 2 {
		t.Errorf("the stalled client was gone after %d events", published)
	}
	publish(t, &s, "still there")
	reader.want(`"still there"`)
}

func TestStream_H06_ServerTimeoutsDoNotEndIt(t *testing.T) {
	var s httpbridge.Stream[int]
	const limit = 200 * time.Millisecond
	f := follow(t, serve(t, s.Handler(httpbridge.EventsConfig{Heartbeat: limit / 2}), func(srv *http.Server) {
		srv.ReadTimeout, srv.WriteTimeout = limit, limit
	}))
	for start := time.Now(); time.Since(start) < 4*limit; {
		publish(t, &s, 1)
		f.want("1")
		time.Sleep(limit / 4) // the passing of time is the subject
	}
	for start, beats := time.Now(), 0; beats < 3 || time.Since(start) < 4*limit; {
		line, err := f.r.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d heartbeats, in %v: %v", beats, time.Since(start), err)
		}
		if strings.HasPrefix(line, ":") {
			beats++
		}
	}
	publish(t, &s, 2)
	f.want("2")
}

func TestStream_H06_Injection(t *testing.T) {
	s := httpbridge.Stream[[2]string]{Encode: func(v [2]string) (string, []byte, error) { return v[0], []byte(v[1]), nil }}
	f := follow(t, serve(t, s.Handler(httpbridge.EventsConfig{})))
	for _, name := range []string{"a\nb", "a\rdata: x", "a\x00"} {
		if err := s.Publish([2]string{name, ""}); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	for in, want := range map[string]string{
		"a\nevent: evil\n\ndata: x": "a\nevent: evil\n\ndata: x",
		"a\r\rb\r\nc\n":             "a\n\nb\nc\n",
		"":                          "",
		" :x":                       " :x",
	} {
		publish(t, &s, [2]string{"n", in})
		if e := f.next(); e.name != "n" || e.data != want {
			t.Errorf("%q became %+v", in, e)
		}
	}
}

func TestStream_H06_SameOrigin(t *testing.T) {
	var s httpbridge.Stream[int]
	s.Close()
	h := s.Handler(httpbridge.EventsConfig{Origins: []string{"https://friend.example"}})
	for _, c := range []struct {
		site, origin string
		ok           bool
	}{
		{"", "", true}, // no browser
		{"same-origin", "", true},
		{"none", "", true},
		{"same-site", "", false},
		{"cross-site", "https://evil.example", false},
		{"", "https://evil.example", false},
		{"", "null", false},
		{"", "http://example.com", true}, // httptest's host
		{"", "http://example.com:8080", false},
		{"cross-site", "https://friend.example", true},
		{"cross-site", "https://friend.example.evil.example", false},
	} {
		resp := get(t, h, "Sec-Fetch-Site", c.site, "Origin", c.origin)
		if ok := resp.StatusCode == http.StatusNoContent; ok != c.ok {
			t.Errorf("%+v: %d", c, resp.StatusCode)
		}
		if (resp.Header.Get("Access-Control-Allow-Origin") == "https://friend.example") != (c.origin == "https://friend.example") {
			t.Errorf("%+v: %v", c, resp.Header)
		}
	}
}

func TestStream_H06_CappedPerOwnerAndInAll(t *testing.T) {
	var s httpbridge.Stream[int]
	url := serve(t, s.Handler(httpbridge.EventsConfig{
		MaxClients: 3, MaxPerOwner: 2,
		Owner: func(r *http.Request) string { return r.Header.Get("User") },
	}))
	status := func(user string) int { return follow(t, url, "User", user).resp.StatusCode }
	first := follow(t, url, "User", "ann")
	if got := status("ann"); got != 200 {
		t.Error(got)
	}
	resp := follow(t, url, "User", "ann").resp
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if got := status("bob"); got != 200 {
		t.Error(got)
	}
	if got := status("bob"); got != http.StatusServiceUnavailable {
		t.Error(got)
	}
	first.resp.Body.Close()
	await(t, func() bool { return s.Stats().Clients == 2 })
	await(t, func() bool { return status("ann") == 200 })
}

func TestStream_H06_EndsAtShutdownWithinASecond(t *testing.T) {
	var s httpbridge.Stream[string]
	srv := &http.Server{Handler: s.Handler(httpbridge.EventsConfig{WriteTimeout: time.Hour})}
	smallBuffers(srv)
	httpbridge.EndOnShutdown(srv)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }() // ended by Shutdown
	url := "http://" + l.Addr().String()
	stall(t, url)
	f := follow(t, url)
	await(t, func() bool { return s.Stats().Clients == 2 })
	for range 32 {
		publish(t, &s, strings.Repeat("x", 32<<10))
		f.next()
	}

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	t.Logf("shutdown took %v", time.Since(start)) // without being told, an hour
	if _, err := f.read(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream's end: %v", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

func TestStream_ClosedForGood(t *testing.T) {
	var s httpbridge.Stream[int]
	url := serve(t, s.Handler(httpbridge.EventsConfig{}))
	f := follow(t, url)
	publish(t, &s, 1)
	s.Close()
	f.want("1")
	if _, err := f.read(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := s.Publish(2); !errors.Is(err, httpbridge.ErrStreamClosed) || !errors.Is(err, eventual.ErrStopped) {
		t.Error(err)
	}
	if got := follow(t, url, "Last-Event-ID", f.id).resp.StatusCode; got != http.StatusNoContent {
		t.Error(got)
	}
}

// await polls for what no channel tells.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to be")
		}
	}
}
