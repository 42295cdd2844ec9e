package howto_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

// serveUntil serves h at l until ctx is done, and then stops everything from the
// outside to the inside, within ten seconds.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler, pool *threadpool.Pool, r *reactor.Reactor) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	served := eventual.Go(context.WithoutCancel(ctx), func(context.Context) (struct{}, error) { return struct{}{}, srv.Serve(l) })
	select {
	case <-ctx.Done():
	case <-served.Done():
	}

	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := errors.Join(
		srv.Shutdown(grace), // no new requests; those that run are finished
		pool.Stop(grace),    // no new jobs; those that were accepted are finished
		r.Stop(grace),       // ctx of all work ends, results end with ErrStopped
	)
	if stuck := (*eventual.StopError)(nil); errors.As(err, &stuck) {
		for _, job := range stuck.Running {
			fmt.Println("still running:", job.Name, job.Age, job.Submitted)
		}
	}
	if _, serveErr := served.Wait(time.Second); !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

func Example_shutdown() {
	r := reactor.New(reactor.Config{Name: "main"})
	r.Start()
	pool, err := threadpool.New(threadpool.Config{Name: "jobs", Max: 2})
	if err != nil {
		panic(err)
	}
	// What a component of the reactor has to say goodbye to.
	r.OnShutdown(reactor.Before, func(context.Context) error { fmt.Println("before: the reactor still works"); return nil })
	r.OnShutdown(reactor.After, func(context.Context) error { fmt.Println("after: nothing runs any more"); return nil })

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	job := threadpool.DeferToThread(context.Background(), pool, func(context.Context) (string, error) {
		time.Sleep(20 * time.Millisecond)
		return "finished", nil
	})
	ctx, stop := context.WithCancel(context.Background()) // signal.NotifyContext in a program
	stop()
	fmt.Println(serveUntil(ctx, l, http.NotFoundHandler(), pool, r))

	fmt.Println(job.Wait(0)) // was accepted, so it was done
	late := reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { return 1, nil })
	_, err = late.Wait(time.Second)
	fmt.Println(errors.Is(err, eventual.ErrStopped), err)
	// Output:
	// before: the reactor still works
	// after: nothing runs any more
	// <nil>
	// finished <nil>
	// true reactor main: stopped
}
