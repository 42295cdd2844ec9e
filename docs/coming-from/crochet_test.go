package comingfrom_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// exchangeRate keeps a rate up to date. Its value belongs to the reactor; its
// methods block, and may be called from anywhere.
type exchangeRate struct {
	name  string
	value string
}

// start begins to poll, and gives the first download for who wants to wait for it.
func (x *exchangeRate) start(ctx context.Context) *eventual.Result[struct{}] {
	reactor.NewLoopingCall(reactor.Default(), func(t *reactor.Tick) error {
		return x.download(t.Co) // its errors are logged, and it is tried again
	}, reactor.LoopOptions{BackOff: reactor.BackOff{Initial: time.Second}}).Start(ctx, 30*time.Second, false)
	return reactor.Inline(ctx, reactor.Default(), func(co *reactor.Co) (struct{}, error) {
		return struct{}{}, x.download(co)
	})
}

func (x *exchangeRate) download(co *reactor.Co) error {
	value, err := reactor.Await(co, eventual.Go(co.Context(), func(ctx context.Context) (string, error) {
		return fetchRate(ctx, x.name) // blocks
	}))
	if err == nil {
		x.value = value
	}
	return err
}

func (x *exchangeRate) latest(ctx context.Context) (string, error) {
	return reactor.WaitFor(ctx, reactor.Default(), time.Second, func(context.Context) (string, error) {
		return x.value, nil
	})
}

func fetchRate(_ context.Context, name string) (string, error) {
	return map[string]string{"EURUSD": "1.08"}[name], nil
}

func Example_crochet() {
	ctx := context.Background()
	rate := &exchangeRate{name: "EURUSD"}
	if _, err := rate.start(ctx).Wait(10 * time.Second); err != nil {
		fmt.Println(err)
	}
	fmt.Println(rate.latest(ctx)) // what a handler of net/http would do
	// Output: 1.08 <nil>
}
