// Package reactor is an event loop for Go programs: one goroutine that runs
// everything handed to it, one thing at a time, so that what lives on it needs no
// locks. Blocking code calls into it and waits for eventual results; pollers,
// timers and coroutines live on it.
//
//	func main() {
//		r := reactor.New(reactor.Config{Name: "rates"})
//		r.Start()
//		defer r.Stop(context.Background())
//
//		hits := 0 // only ever touched on the reactor
//		count := func(context.Context) (int, error) { hits++; return hits, nil }
//
//		n, err := reactor.RunInReactor(context.Background(), r, count).Wait(time.Second)
//		fmt.Println(n, err) // 1 <nil>
//	}
//
// What holds:
//
//   - Functions run on the reactor's goroutine (coroutines on goroutines that take
//     turns with it), one at a time, in the order in which each goroutine
//     submitted them.
//   - A panic or runtime.Goexit in a callback, a timer or a coroutine ends only
//     that. It becomes the error of the result, or is logged where there is none.
//   - Waiting for a pending result on the reactor's goroutine is refused at once
//     with eventual.ErrWaitInReactor. Coroutines await instead: see [Inline].
//   - After Stop every pending result has ended with eventual.ErrStopped, and no
//     goroutine is left.
//   - Inside a testing/synctest bubble a reactor that was made there lives on the
//     bubble's clock; package reactortest has one that is driven by hand.
//
// The model is Twisted's reactor, and crochet's way of calling it from blocking
// code.
package reactor
