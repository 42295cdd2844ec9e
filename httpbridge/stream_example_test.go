package httpbridge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/threadpool"
)

// printEvents prints the data of the next n events at url. connected is called
// when the stream is there.
func printEvents(url string, n int, connected func()) {
	resp, err := http.Get(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	connected()
	for lines := bufio.NewScanner(resp.Body); n > 0 && lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			fmt.Println(data)
			n--
		}
	}
}

// A chat room: messages come by POST and go out to everybody who follows.
func ExampleStream() {
	type message struct {
		From string `json:"from"`
		Text string `json:"text"`
	}
	var room httpbridge.Stream[message]

	mux := http.NewServeMux()
	mux.Handle("GET /chat/events", room.Handler(httpbridge.EventsConfig{History: 50, MaxPerOwner: 6}))
	mux.HandleFunc("POST /chat", func(w http.ResponseWriter, r *http.Request) {
		if err := room.Publish(message{r.FormValue("from"), r.FormValue("text")}); err != nil {
			http.Error(w, "the room is closed", http.StatusGone)
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	say := func(from, text string) {
		resp, err := http.PostForm(srv.URL+"/chat", map[string][]string{"from": {from}, "text": {text}})
		if err == nil {
			resp.Body.Close()
		}
	}

	say("ann", "anybody here?")
	printEvents(srv.URL+"/chat/events", 2, func() { say("bob", "just came") })
	// Output:
	// {"from":"ann","text":"anybody here?"}
	// {"from":"bob","text":"just came"}
}

// One handler for many rooms, and for those who want to see only a part.
func ExampleSubscribe() {
	rooms := map[string]*httpbridge.Stream[string]{"go": {}, "tea": {}}
	mux := http.NewServeMux()
	mux.Handle("GET /rooms/{room}/events", httpbridge.Subscribe(func(r *http.Request) (sub httpbridge.Subscription[string], err error) {
		room, ok := rooms[r.PathValue("room")]
		if !ok {
			return sub, &httpbridge.Problem{Status: http.StatusNotFound, Detail: "There is no such room."}
		}
		word := r.FormValue("word")
		return httpbridge.Subscription[string]{Stream: room, Only: func(s string) bool { return strings.Contains(s, word) }}, nil
	}, httpbridge.EventsConfig{}))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	printEvents(srv.URL+"/rooms/tea/events?word=oolong", 1, func() {
		_ = rooms["tea"].Publish("sencha, anyone?")
		_ = rooms["tea"].Publish("oolong for me")
	})
	// Output: "oolong for me"
}

func ExampleStream_Watch() {
	var log httpbridge.Stream[string]
	_ = log.Publish("started")
	_ = log.Publish("ready")
	log.Close()
	for line, err := range log.Watch(context.Background(), 10) {
		fmt.Println(line, err)
	}
	// Output:
	// started <nil>
	// ready <nil>
}

func ExampleEvents() {
	var rate eventual.Latest[float64] // set by a poller
	srv := httptest.NewServer(httpbridge.Events(&rate, httpbridge.EventsConfig{Event: "rate"}))
	defer srv.Close()

	rate.Set(1.0705)
	printEvents(srv.URL, 1, func() {})
	// Output: 1.0705
}

func ExampleEndOnShutdown() {
	var s httpbridge.Stream[int]
	srv := httptest.NewUnstartedServer(s.Handler(httpbridge.EventsConfig{}))
	httpbridge.EndOnShutdown(srv.Config) // before it serves
	srv.Start()
	defer srv.Close()

	resp, err := http.Get(srv.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode, srv.Config.Shutdown(context.Background())) // would wait for the stream
	_, err = io.Copy(io.Discard, resp.Body)
	fmt.Println(err)
	// Output:
	// 200 <nil>
	// <nil>
}

// A handler that blocks, of which never more than two run.
func ExampleMiddleware() {
	pool, err := threadpool.New(threadpool.Config{Name: "reports", Max: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Stop(context.Background())

	report := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select { // a query, say
		case <-r.Context().Done():
		case <-time.After(time.Millisecond):
			fmt.Fprintln(w, "the report")
		}
	})
	h := httpbridge.Middleware(pool, httpbridge.PoolConfig{Timeout: 5 * time.Second, QueueLimit: 50})(report)
	show(h, "GET", "/report")
	// Output: GET 200 the report
}

func ExampleGetJSON() {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/latest" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"base": "EUR", "rates": {"USD": 1.0705}}`)
	}))
	defer upstream.Close()

	var client httpbridge.Client // one for all requests
	defer client.CloseIdleConnections()

	type table struct {
		Base  string
		Rates map[string]float64
	}
	res := httpbridge.GetJSON[table](context.Background(), &client, upstream.URL+"/latest")
	// Whatever else there is to do, meanwhile.
	fmt.Println(res.Wait(10 * time.Second))

	_, err := httpbridge.GetJSON[table](context.Background(), &client, upstream.URL+"/oldest").Wait(10 * time.Second)
	var failed *httpbridge.UpstreamError
	fmt.Println(errors.As(err, &failed), failed.StatusCode, failed.HTTPStatus())
	// Output:
	// {EUR map[USD:1.0705]} <nil>
	// true 404 502
}

func ExampleClient_Do() {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"got": %q}`, body)
	}))
	defer upstream.Close()

	client := &httpbridge.Client{Timeout: 10 * time.Second, MaxPerHost: 4}
	defer client.CloseIdleConnections()

	req, err := http.NewRequest(http.MethodPost, upstream.URL, strings.NewReader("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	res := client.Do(context.Background(), req)
	resp, err := res.Wait(10 * time.Second)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, string(resp.Body))
	fmt.Println(eventual.Then(res, httpbridge.DecodeJSON[map[string]string]).Wait(time.Second))
	// Output:
	// 201 {"got": "hello"}
	// map[got:hello] <nil>
}
