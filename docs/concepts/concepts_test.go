package concepts_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newReactor() (*reactor.Reactor, func()) {
	r := reactor.New(reactor.Config{Name: "concepts"})
	r.Start()
	return r, func() { _ = r.Stop(context.Background()) }
}

func Example_turns() {
	r, stop := newReactor()
	defer stop()
	ctx := context.Background()

	// region turns
	balance := 100 // belongs to the reactor

	withdraw := func(n int) *eventual.Result[int] {
		return reactor.RunInReactor(ctx, r, func(context.Context) (int, error) {
			if balance < n { // nothing can come between the look and the leap
				return balance, errors.New("not enough")
			}
			balance -= n
			return balance, nil
		})
	}
	// endregion
	fmt.Println(withdraw(70).Wait(time.Second))
	fmt.Println(withdraw(70).Wait(time.Second))
	// Output:
	// 30 <nil>
	// 30 not enough
}

func Example_coroutine() {
	r, stop := newReactor()
	defer stop()
	ctx := context.Background()
	fetch := func(context.Context) (int, error) { return 7, nil }

	// region coroutine
	total := 0 // belongs to the reactor
	res := reactor.Inline(ctx, r, func(co *reactor.Co) (int, error) {
		n, err := reactor.Await(co, eventual.Go(co.Context(), fetch)) // others have their turn here
		if err != nil {
			return 0, err
		}
		total += n // alone again
		return total, nil
	})
	// endregion
	fmt.Println(res.Wait(time.Second))
	// Output: 7 <nil>
}

func Example_three() {
	ctx := context.Background()
	load := func(context.Context) (string, error) { return "page", nil }

	// region three
	page := eventual.Go(ctx, load) // or RunInReactor, DeferToThread, DeferToProcess

	text, err := page.Wait(time.Second) // 1. block, with a bound

	page.OnDone(func() { /* must not block */ }) // 2. be called

	select { // 3. one thing among others
	case <-page.Done():
	case <-ctx.Done():
	}
	// endregion
	fmt.Println(text, err)
	// Output: page <nil>
}

func Example_bridge() {
	r, stop := newReactor()
	defer stop()
	ctx := context.Background()

	// region bridge
	// An interface of callbacks, on the reactor: the canceller undoes what was begun.
	askSensor := func() *eventual.Deferred[float64] {
		var timer *reactor.DelayedCall
		d := eventual.NewDeferred[float64](func(*eventual.Deferred[float64]) { timer.Cancel() })
		timer = r.CallLater(time.Millisecond, func() { _ = d.Callback(21.5) })
		return d
	}

	// From the blocking side:
	degrees, err := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[float64] {
		return askSensor().AddTimeout(r, 5*time.Second)
	}).Wait(10 * time.Second)
	// endregion
	fmt.Println(degrees, err)
	// Output: 21.5 <nil>
}

func Example_cancel() {
	pool, err := threadpool.New(threadpool.Config{Max: 1})
	if err != nil {
		panic(err)
	}
	defer pool.Stop(context.Background())
	ctx := context.Background()

	// region cancel
	began := make(chan bool)
	res := threadpool.DeferToThread(ctx, pool, func(ctx context.Context) (int, error) {
		began <- true
		<-ctx.Done() // told here
		return 0, context.Cause(ctx)
	})
	<-began
	res.Cancel()
	_, err = res.Wait(time.Second)
	fmt.Println(errors.Is(err, eventual.ErrCanceled), errors.Is(err, context.Canceled))
	// endregion
	// Output: true true
}

func Example_panic() {
	pool, err := threadpool.New(threadpool.Config{Max: 1})
	if err != nil {
		panic(err)
	}
	defer pool.Stop(context.Background())
	ctx := context.Background()

	// region panic
	res := threadpool.DeferToThread(ctx, pool, func(context.Context) (int, error) {
		var none []int
		return none[len(none)], nil
	})
	_, err = res.Wait(time.Second)
	if bug := (*eventual.PanicError)(nil); errors.As(err, &bug) {
		fmt.Println(bug.Value) // and bug.Stack begins where it happened
	}
	// endregion
	// Output: runtime error: index out of range [0] with length 0
}

func Example_unhandled() {
	// region unhandled
	restore := eventual.OnUnhandled(func(err error) {
		fmt.Println(err) // an *eventual.UnhandledError: what, and where it was submitted
	})
	defer restore()
	// endregion
	// Output:
}
