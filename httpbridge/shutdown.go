package httpbridge

import (
	"context"
	"net"
	"net/http"
)

// EndOnShutdown has srv.Shutdown end the event streams and long polls of srv at
// once. Without it Shutdown waits for them, because a server that is shut down
// does not end the ctx of its requests, and they do not end by themselves. Call it
// once, before srv serves; it adds to srv.BaseContext.
//
//	srv := &http.Server{Addr: ":8080", Handler: mux}
//	httpbridge.EndOnShutdown(srv)
//
// Browsers connect again by themselves, to the server that comes next.
func EndOnShutdown(srv *http.Server) {
	shutdown, begin := context.WithCancel(context.Background())
	srv.RegisterOnShutdown(begin)
	base := srv.BaseContext
	srv.BaseContext = func(l net.Listener) context.Context {
		ctx := context.Background()
		if base != nil {
			ctx = base(l)
		}
		return context.WithValue(ctx, shutdownKey{}, shutdown)
	}
}

type shutdownKey struct{}

// shutdownOf returns a ctx that ends when the server of a request, whose ctx it is
// given, begins to shut down. It never ends if the server does not tell.
func shutdownOf(request context.Context) context.Context {
	if shutdown, ok := request.Value(shutdownKey{}).(context.Context); ok {
		return shutdown
	}
	return context.Background()
}
