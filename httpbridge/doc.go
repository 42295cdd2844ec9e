// Package httpbridge puts eventual values behind net/http, where handlers are
// ordinary blocking code: they ask for what lives in the background, and clients
// get it, or a clear answer why not, whatever happens meanwhile.
//
//	var rates eventual.Latest[map[string]string] // set by a poller on a reactor
//
//	func lookUp(r *http.Request) *eventual.Result[[]string] {
//		name := r.PathValue("name")
//		return eventual.Go(r.Context(), func(ctx context.Context) ([]string, error) {
//			return net.DefaultResolver.LookupHost(ctx, name)
//		})
//	}
//
//	func main() {
//		lookups, err := httpbridge.NewResources(httpbridge.ResourcesConfig{Path: "/lookups/"})
//		if err != nil {
//			log.Fatal(err)
//		}
//		mux := http.NewServeMux()
//		mux.Handle("GET /rates", httpbridge.Latest(&rates, httpbridge.LatestConfig{}))
//		mux.Handle("GET /rates/events", httpbridge.Events(&rates, httpbridge.EventsConfig{}))
//		mux.Handle("GET /hosts/{name}", httpbridge.Handler(lookUp, httpbridge.HandlerConfig{}))
//		mux.Handle("POST /hosts/{name}", httpbridge.Handler(lookUp, httpbridge.HandlerConfig{Resources: lookups}))
//		mux.Handle("/lookups/", lookups) // GET {id}, GET {id}/events, DELETE {id}
//
//		srv := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
//		httpbridge.EndOnShutdown(srv)
//		log.Fatal(srv.ListenAndServe())
//	}
//
// [Handler] waits for a result and sends it. [Resources] keep it for clients that
// would rather come back (RFC 7240), with the progress that the work gives by
// [Report]. [Flight] has what many ask for at once done once. [Latest] serves the
// last good value of something that is polled, [Events] and [Stream] what changes, as
// server-sent events. [Middleware] has blocking handlers run in a bounded pool. All
// are http.Handlers, or make one of another, for any router. [Client] is the other
// side: requests of one's own, as results.
//
// # Guarantees
//
// Nothing is sent before it is known to be whole: an encoding that fails, a panic and
// a wait that is up are each a problem document of RFC 9457 with the status that fits
// ([ProblemFor]). The text of an error goes to the log and never to the client.
//
// A client that goes away cancels the work that only it was waiting for, also when
// the body of its request was never read. Whoever waits stops waiting when the time
// is up, but a limit is given back only when the work has ended.
//
// Everything that is kept is bounded, in number and in time, and who is refused is
// told so at once, and when to come again. An id is 128 random bits, and what it
// leads to is its owner's alone.
//
// Writers keep what http.ResponseController reaches; an httptest.ResponseRecorder
// will do. No goroutine outlives what it is for.
package httpbridge
