package httpbridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/threadpool"
)

// sink is a client that takes everything at once, and counts its writes.
type sink struct {
	header http.Header
	writes *atomic.Int64
}

func (s sink) Header() http.Header { return s.header }
func (s sink) WriteHeader(int)     {}
func (s sink) Flush()              {}

func (s sink) SetReadDeadline(time.Time) error  { return nil }
func (s sink) SetWriteDeadline(time.Time) error { return nil }
func (s sink) Write(p []byte) (int, error) {
	s.writes.Add(1)
	return len(p), nil
}

const chatMessage = "a message of some length, as people write them"

// BenchmarkPublish is the time from the publication of an event until all clients
// have got it. publisher-ns/op is how much of it the publisher spends.
func BenchmarkPublish(b *testing.B) {
	for _, clients := range []int{1, 1000} {
		var writes atomic.Int64
		run := func(b *testing.B, publish func()) {
			b.ReportAllocs()
			var publishing time.Duration
			for b.Loop() {
				writes.Store(0)
				start := time.Now()
				publish()
				publishing += time.Since(start)
				for writes.Load() < int64(clients) {
					runtime.Gosched()
				}
			}
			b.ReportMetric(float64(publishing.Nanoseconds())/float64(b.N), "publisher-ns/op")
		}
		b.Run(fmt.Sprintf("Stream/clients=%d", clients), func(b *testing.B) {
			var s httpbridge.Stream[string]
			h := s.Handler(httpbridge.EventsConfig{})
			ctx, cancel := context.WithCancel(b.Context())
			var all sync.WaitGroup
			defer all.Wait()
			defer cancel()
			writes.Store(0)
			for range clients {
				all.Go(func() {
					h.ServeHTTP(sink{http.Header{}, &writes}, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
				})
			}
			for writes.Load() < int64(clients) { // of what comes first
				runtime.Gosched()
			}
			run(b, func() {
				if err := s.Publish(chatMessage); err != nil {
					b.Fatal(err)
				}
			})
		})
		// What one writes by hand: a channel for each client; who is full misses the
		// event, there is no replay, and a write has no deadline.
		b.Run(fmt.Sprintf("channels/clients=%d", clients), func(b *testing.B) {
			var mu sync.Mutex
			subscribers := map[chan []byte]bool{}
			var all sync.WaitGroup
			for range clients {
				c := make(chan []byte, 64)
				subscribers[c] = true
				all.Go(func() {
					for m := range c {
						fmt.Fprintf(sink{nil, &writes}, "data: %s\n\n", m)
					}
				})
			}
			run(b, func() {
				message, _ := json.Marshal(chatMessage)
				mu.Lock()
				defer mu.Unlock()
				for c := range subscribers {
					select {
					case c <- message:
					default:
					}
				}
			})
			for c := range subscribers {
				close(c)
			}
			all.Wait()
		})
	}
}

// BenchmarkMiddleware is a handler in a pool beside the same handler without, and
// beside http.TimeoutHandler, which is as near as net/http comes.
func BenchmarkMiddleware(b *testing.B) {
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "hello")
	})
	pool := newPool(b, threadpool.Config{Max: 64})
	handlers := []struct {
		name string
		http.Handler
	}{
		{"plain", plain},
		{"Middleware", httpbridge.Middleware(pool, httpbridge.PoolConfig{QueueLimit: 10_000})(plain)},
		{"TimeoutHandler", http.TimeoutHandler(plain, 30*time.Second, "")},
	}
	for _, h := range handlers {
		b.Run("memory/"+h.name, func(b *testing.B) {
			b.ReportAllocs()
			var bytes atomic.Int64
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			for b.Loop() {
				h.ServeHTTP(sink{http.Header{}, &bytes}, r)
			}
		})
	}
	for _, h := range handlers {
		b.Run("socket/"+h.name, func(b *testing.B) {
			srv := httptest.NewServer(h)
			defer srv.Close()
			client := srv.Client()
			client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
			b.SetParallelism(16)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					resp, err := client.Get(srv.URL)
					if err != nil {
						b.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
		})
	}
}
