// Package coiterate runs long computations in slices on an event loop, side by
// side with whatever else lives there, for a few nanoseconds a step. A computation
// is an iterator: where it yields, it may be made to wait for its next turn.
//
//	func main() {
//		r := reactor.New(reactor.Config{Name: "main"})
//		r.Start()
//		defer r.Stop(context.Background())
//		c := coiterate.New(r, coiterate.Config{})
//		defer c.Stop()
//
//		sum := 0
//		res := coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
//			for i := range 1_000_000 {
//				sum += i // on the reactor: no lock
//				if !yield(i) {
//					return
//				}
//			}
//		})
//		_, err := res.Wait(time.Minute)
//		fmt.Println(sum, err)
//	}
//
// What holds:
//
//   - Tasks run on the scheduler's turn, one at a time, and take turns in order.
//   - A yield leaves the task only when its slice is used up or the loop has
//     something else to do; otherwise it costs a few nanoseconds.
//   - A step that yields an eventual.Pending, such as a Result or a Deferred, puts
//     the task to sleep until that is done.
//   - However a task ends, the deferred functions of its sequence run.
//   - Tasks share the time in proportion to their weights: see [TaskConfig].
//   - [Lines] and [Chunks] read while the loop goes on.
//   - A step that holds the loop for longer than Config.SlowStep is logged with its
//     stack while it does.
//
// The idea is Twisted's cooperator and its coiterate.
package coiterate
