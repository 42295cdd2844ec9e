package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

type quote struct {
	Currency string  `json:"currency"`
	Rate     float64 `json:"rate"`
}

// A value that is there, and one that a reactor gives, beside the same handler
// written plainly on net/http. The load is that of eight connections, each with one
// request after the other.
func BenchmarkHTTP(b *testing.B) {
	q := quote{"USD", 1.0832}
	r := startReactor(b)
	plain := contender{name: "net-http", run: load(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(body, '\n'))
	}))}
	b.Run("value=finished", func(b *testing.B) {
		against(b, load(b, httpbridge.Handler(func(*http.Request) *eventual.Result[quote] {
			return eventual.Of(q)
		}, httpbridge.HandlerConfig{})), plain)
	})
	b.Run("value=reactor", func(b *testing.B) {
		against(b, load(b, httpbridge.Handler(func(req *http.Request) *eventual.Result[quote] {
			return reactor.RunInReactor(req.Context(), r, func(context.Context) (quote, error) { return q, nil })
		}, httpbridge.HandlerConfig{})), plain)
	})
}

const connections = 8

// load serves h on a real socket and returns what makes n requests to it.
func load(b *testing.B, h http.Handler) func(n int) {
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	clients := make([]*client, connections)
	for i := range clients {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		clients[i] = &client{conn, bufio.NewReader(conn)}
	}
	return func(n int) {
		var wg sync.WaitGroup
		for i, c := range clients {
			wg.Go(func() {
				for range n*(i+1)/connections - n*i/connections {
					if err := c.get(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// client is one connection, and as little work as a client can make.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func (c *client) get() error {
	if _, err := io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	var got quote
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
