package httpbridge_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

type quote struct {
	Base  string            `json:"base"`
	Date  string            `json:"date"`
	Rates map[string]string `json:"rates"`
}

var benchQuote = quote{"EUR", "2022-07-15", map[string]string{"USD": "1.0059", "JPY": "139.49", "GBP": "0.84988"}}

// plainHandler is the yardstick: what one writes without this package.
func plainHandler(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&benchQuote); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body.Bytes())
}

// actorHandler is the yardstick for a value that another goroutine makes: what one
// writes with channels, a timer and the request's ctx.
func actorHandler(calls chan<- func()) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reply := make(chan *quote, 1)
		timer := time.NewTimer(5 * time.Second)
		defer timer.Stop()
		select {
		case calls <- func() { reply <- &benchQuote }:
		case <-r.Context().Done():
			return
		}
		select {
		case <-reply:
			plainHandler(w, r)
		case <-timer.C:
			http.Error(w, http.StatusText(http.StatusGatewayTimeout), http.StatusGatewayTimeout)
		case <-r.Context().Done():
		}
	}
}

func finishedHandler() http.Handler {
	return httpbridge.Handler(func(*http.Request) *eventual.Result[*quote] { return eventual.Of(&benchQuote) }, httpbridge.HandlerConfig{})
}

func reactorHandler(r *reactor.Reactor) http.Handler {
	return httpbridge.Handler(func(req *http.Request) *eventual.Result[*quote] {
		return reactor.RunInReactor(req.Context(), r, func(context.Context) (*quote, error) { return &benchQuote, nil })
	}, httpbridge.HandlerConfig{})
}

// nobody is a ResponseWriter that costs nothing.
type nobody struct{ h http.Header }

func (w *nobody) Header() http.Header         { return w.h }
func (w *nobody) Write(b []byte) (int, error) { return len(b), nil }
func (w *nobody) WriteHeader(int)             {}

// BenchmarkHandler is what a handler itself costs, without a connection.
func BenchmarkHandler(b *testing.B) {
	r := reactor.New(reactor.Config{Name: "bench"})
	r.Start()
	defer func() { _ = r.Stop(context.Background()) }()
	for _, c := range []struct {
		name string
		h    http.Handler
	}{{"plain", http.HandlerFunc(plainHandler)}, {"finished", finishedHandler()}, {"reactor", reactorHandler(r)}} {
		b.Run(c.name, func(b *testing.B) {
			w := &nobody{make(http.Header)}
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			req.Header.Set("Accept", "application/json, text/plain;q=0.5, */*;q=0.1")
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				c.h.ServeHTTP(w, req)
			}
		})
	}
}

// BenchmarkHandlerServed is the same behind a server, over keep-alive connections
// on the loopback, the handlers by turns so that a busy machine is unfair to none.
// The metrics are the shares of a yardstick's requests that ours serve.
func BenchmarkHandlerServed(b *testing.B) {
	r := reactor.New(reactor.Config{Name: "bench"})
	r.Start()
	defer func() { _ = r.Stop(context.Background()) }()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plain", plainHandler)
	calls := make(chan func(), 64)
	defer close(calls)
	go func() { // ended by the close
		for f := range calls {
			f()
		}
	}()
	mux.HandleFunc("GET /actor", actorHandler(calls))
	mux.Handle("GET /finished", finishedHandler())
	mux.Handle("GET /reactor", reactorHandler(r))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	const connections, batch = 16, 20
	clients := make([]*benchClient, connections)
	for i := range clients {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		clients[i] = &benchClient{conn, bufio.NewReader(conn)}
	}
	paths := []string{"/plain", "/finished", "/actor", "/reactor"}
	spent := make([]time.Duration, len(paths))
	for round := 0; b.Loop(); round++ {
		for k := range paths {
			i := (k + round) % len(paths) // nobody is always the first
			path := paths[i]
			began := time.Now()
			var wg sync.WaitGroup
			for _, c := range clients {
				wg.Go(func() {
					for range batch {
						if err := c.get(path); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			spent[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(b.N*connections*batch), "plain-ns/req")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "finished-x-plain")
	b.ReportMetric(float64(spent[2])/float64(spent[3]), "reactor-x-actor")
	b.ReportMetric(float64(spent[0])/float64(spent[3]), "reactor-x-plain")
}

// benchClient is a client that costs little.
type benchClient struct {
	conn net.Conn
	in   *bufio.Reader
}

func (c *benchClient) get(path string) error {
	if _, err := io.WriteString(c.conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"); err != nil {
		return err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(n)))
		}
		if len(line) == 2 {
			break
		}
	}
	if length == 0 {
		return errors.New("no body")
	}
	_, err := c.in.Discard(length)
	return err
}
