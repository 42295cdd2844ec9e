package comingfrom_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

// readPage is asynchronous, as an API of callbacks has it.
func readPage(r *reactor.Reactor, url string) *eventual.Deferred[string] {
	d := eventual.NewDeferred[string](nil)
	r.CallLater(time.Millisecond, func() { _ = d.Callback("<title>" + url + "</title>") })
	return d
}

// parseTitle takes long: it is for a pool.
func parseTitle(page string) (string, error) {
	return strings.TrimSuffix(strings.TrimPrefix(page, "<title>"), "</title>"), nil
}

func titles(ctx context.Context, r *reactor.Reactor) error {
	pool, err := threadpool.New(threadpool.Config{Max: 10})
	if err != nil {
		return err
	}
	defer pool.Stop(ctx)

	title, err := reactor.Inline(ctx, r, func(co *reactor.Co) (string, error) {
		page, err := reactor.Await(co, readPage(r, "http://example.org/").AddTimeout(r, 5*time.Second))
		if err != nil {
			return "", err
		}
		return reactor.Await(co, threadpool.DeferToThread(co.Context(), pool, func(context.Context) (string, error) {
			return parseTitle(page)
		}))
	}).WaitContext(ctx)
	fmt.Println(title)
	return err
}

func Example_twisted() {
	fmt.Println(reactor.React(titles)) // a program's main passes this to os.Exit
	// Output:
	// http://example.org/
	// 0
}
