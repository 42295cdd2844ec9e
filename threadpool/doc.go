// Package threadpool is where blocking calls go: database drivers, cgo, files, and
// work for the processor. A pool runs them on a bounded number of goroutines, or
// of operating system threads of their own, and hands out eventual results.
//
//	func main() {
//		pool, err := threadpool.New(threadpool.Config{Name: "db", Max: 8})
//		if err != nil {
//			log.Fatal(err)
//		}
//		http.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) {
//			rows, err := threadpool.DeferToThread(r.Context(), pool, query).WaitContext(r.Context())
//			if err != nil {
//				http.Error(w, "try again", http.StatusServiceUnavailable)
//				return
//			}
//			fmt.Fprintln(w, rows) // never more than eight queries at once
//		})
//		log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
//	}
//
// What holds:
//
//   - Never more than Max jobs run at once. A slot is given back when a job has
//     really ended, not when its caller stopped waiting. A job that waits for a
//     result lends its slot meanwhile, so jobs may wait for jobs of the same pool;
//     what it waits for goes first, and the wait ends once it has a slot again.
//   - Jobs begin in the order in which they were accepted, give or take the few that
//     a worker takes at once when many wait.
//   - A job whose ctx has ended, or whose result was cancelled, is not begun.
//   - A panic or runtime.Goexit becomes the error of the result; the pool goes on.
//   - Stop runs what was accepted, within its ctx, and says what it could not end.
//
// Twisted's deferToThread and its thread pool are the model.
package threadpool
