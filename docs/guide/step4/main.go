// Command rates serves exchange rates.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

const (
	addr  = "127.0.0.1:8080"
	every = 2 * time.Second
)

func main() { os.Exit(reactor.React(run)) }

func run(ctx context.Context, r *reactor.Reactor) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	pool, err := threadpool.New(threadpool.Config{Name: "reports", Max: 2, QueueLimit: 10})
	if err != nil {
		return err
	}
	book := NewBook(r)
	Poll(ctx, book, every, Fetch("http://"+addr+"/feed"))
	return serve(ctx, l, Web(book, NewReports(pool)))
}

// serve answers requests that come to l until ctx is done.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	log.Print("serving on http://", l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
