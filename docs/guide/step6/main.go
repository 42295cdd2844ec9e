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
	polling := Poll(ctx, book, every, Fetch("http://"+addr+"/feed"))

	// Until Ctrl-C. Then from the outside to the inside: requests, the poller, the
	// reports that were accepted. React stops the reactor.
	err = serve(ctx, l, Web(book, NewReports(pool)))
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := polling.WaitContext(grace); !errors.Is(err, context.Canceled) {
		log.Print("the poller ended with ", err)
	}
	err = errors.Join(err, pool.Stop(grace))
	log.Print("stopped; reports written: ", pool.Stats().Succeeded)
	return err
}

// serve answers requests that come to l until ctx is done, and lets those finish
// that were begun.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		log.Print("shutting down")
		grace, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		ended <- srv.Shutdown(grace)
	})
	log.Print("serving on http://", l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-ended
}
