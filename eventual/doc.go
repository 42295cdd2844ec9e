// Package eventual has values that will exist. A [Result] is what blocking code
// holds of work that runs somewhere else; a [Deferred] is the callback side, for
// code that lives on a reactor. Every other package of Trestle returns Results.
//
//	func main() {
//		slow := func(ctx context.Context) (int, error) {
//			time.Sleep(100 * time.Millisecond)
//			return 42, nil
//		}
//		res := eventual.Go(context.Background(), slow)
//
//		_, err := res.Wait(10 * time.Millisecond)
//		fmt.Println(errors.Is(err, eventual.ErrTimeout)) // true, and nothing is lost:
//
//		n, err := res.Wait(time.Second)
//		fmt.Println(n, err) // 42 <nil>
//	}
//
// What holds:
//
//   - A Result ends exactly once and gives everybody who asks the same answer.
//   - Every wait is bounded, by a timeout or a ctx. A wait that gives up consumes
//     nothing and leaves nothing behind.
//   - A panic of the work becomes a [*PanicError] with the stack of where it
//     happened, and runtime.Goexit becomes [ErrGoexit].
//   - A failure that nobody looked at is reported, once: see [OnUnhandled].
//   - Everything works inside testing/synctest bubbles.
//
// Results are crochet's EventualResult, Deferreds are Twisted's.
package eventual
