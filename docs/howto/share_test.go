package howto_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// clockLib and mailLib are two libraries that know nothing of each other. Each
// takes a reactor, and uses the process-wide one if it is given none.
type clockLib struct{ r *reactor.Reactor }

func newClockLib(r *reactor.Reactor) *clockLib {
	if r == nil {
		r = reactor.Default()
	}
	return &clockLib{r}
}

func (c *clockLib) tick(ctx context.Context) *eventual.Result[string] {
	return reactor.DeferLater(ctx, c.r, time.Millisecond, func(context.Context) (string, error) { return "tick", nil })
}

type mailLib struct {
	r    *reactor.Reactor
	sent int // belongs to r
}

func newMailLib(r *reactor.Reactor) *mailLib {
	if r == nil {
		r = reactor.Default()
	}
	return &mailLib{r: r}
}

func (m *mailLib) send(ctx context.Context) *eventual.Result[int] {
	return reactor.RunInReactor(ctx, m.r, func(context.Context) (int, error) { m.sent++; return m.sent, nil })
}

func Example_share() {
	// The program decides, before anybody used the default.
	r := reactor.New(reactor.Config{Name: "program"})
	if err := reactor.SetDefault(r); err != nil {
		panic(err) // somebody has used the default one already
	}
	ctx := context.Background()
	defer r.Stop(ctx)

	clock, mail := newClockLib(nil), newMailLib(nil)
	fmt.Println(clock.tick(ctx).Wait(time.Second))
	fmt.Println(mail.send(ctx).Wait(time.Second))
	fmt.Println(clock.r == mail.r, reactor.Default().Name())
	// Output:
	// tick <nil>
	// 1 <nil>
	// true program
}
