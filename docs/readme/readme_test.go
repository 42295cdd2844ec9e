package readme_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

func TestMain(m *testing.M) {
	code := m.Run()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := reactor.Default().Stop(ctx)
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var (
	errStopped = errors.New("stopped")
	errTimeout = errors.New("timeout")
)

// byHand is what the README compares with. calls is served by a goroutine.
func byHand(ctx context.Context, calls chan<- func(), stopped <-chan struct{}, count func(context.Context) (int, error)) (int, error) {
	// region byhand
	type reply struct {
		n   int
		err error
	}
	done := make(chan reply, 1) // with a slot, or a late answer leaks the goroutine
	select {
	case calls <- func() {
		var out reply
		defer func() {
			if v := recover(); v != nil { // or one bug takes the loop down
				out.err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
			done <- out
		}()
		out.n, out.err = count(ctx)
	}:
	case <-stopped: // or the caller hangs for ever
		return 0, errStopped
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case out := <-done:
		return out.n, out.err
	case <-timer.C: // and the answer, when it comes, is lost
		return 0, errTimeout
	case <-stopped:
		return 0, errStopped
	}
	// endregion
}

func TestByHand(t *testing.T) {
	calls, stopped := make(chan func()), make(chan struct{})
	ended := make(chan struct{})
	go func() { // ended by stopped
		defer close(ended)
		for {
			select {
			case f := <-calls:
				f()
			case <-stopped:
				return
			}
		}
	}()
	n, err := byHand(t.Context(), calls, stopped, func(context.Context) (int, error) { return 1, nil })
	if n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := byHand(t.Context(), calls, stopped, func(context.Context) (int, error) { panic("bug") }); err == nil {
		t.Error("a panic is no error")
	}
	close(stopped)
	<-ended
	if _, err := byHand(t.Context(), calls, stopped, nil); !errors.Is(err, errStopped) {
		t.Errorf("after the stop: %v", err)
	}
}

func Example_poller() {
	ctx, r := context.Background(), reactor.Default()
	var latest eventual.Latest[string]
	fetch := func(context.Context) (string, error) { return "1.08", nil }
	next := latest.Next()

	// region poller
	poll := reactor.NewLoopingCall(r, func(t *reactor.Tick) error {
		rates, err := reactor.Await(t.Co, eventual.Go(t.Context(), fetch))
		if err == nil {
			latest.Set(rates) // an eventual.Latest, which blocking handlers load
		}
		return err
	}, reactor.LoopOptions{BackOff: reactor.BackOff{Initial: time.Second}})
	poll.Start(ctx, 30*time.Second, true)
	// endregion
	fmt.Println(next.Wait(10 * time.Second))
	poll.Stop()
	// Output: 1.08 <nil>
}

func Example_pool() {
	ctx := context.Background()
	query := func(context.Context) (string, error) { return "rows", nil }
	run := func() (string, error) {
		// region pool
		pool, err := threadpool.New(threadpool.Config{Name: "db", Max: 8})
		if err != nil {
			return "", err
		}
		defer pool.Stop(ctx)
		rows, err := threadpool.DeferToThread(ctx, pool, query).Wait(2 * time.Second)
		// endregion
		return rows, err
	}
	fmt.Println(run())
	// Output: rows <nil>
}
