package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/trestle-go/trestle/httpbridge"
)

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use already; choose another address with -addr", addr)
	}
	return l, err
}

// serve answers requests until ctx is done. Then it ends the streams, has leave end
// what other requests may be waiting for, and lets them finish.
func serve(ctx context.Context, l net.Listener, h http.Handler, leave func(), log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      40 * time.Second, // a client may wait for a job for 30 s,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    1 << 16,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	httpbridge.EndOnShutdown(srv)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }() // ended by Shutdown or Close, below
	log.Info("serving", "url", "http://"+l.Addr().String())
	select {
	case err := <-served:
		leave()
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down")
	leave()
	grace, cancel := context.WithTimeout(context.Background(), requestGrace)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		log.Warn("requests were cut off", "error", err)
		if err := srv.Close(); err != nil {
			log.Warn("closing connections", "error", err)
		}
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
