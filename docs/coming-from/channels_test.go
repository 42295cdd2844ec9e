package comingfrom_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/reactor"
)

// stock is what is in a warehouse. Its map belongs to the reactor.
type stock struct {
	r     *reactor.Reactor
	items map[string]int
}

func (s *stock) take(ctx context.Context, item string, n int) (left int, err error) {
	return reactor.BlockingCallFromThread(ctx, s.r, func(context.Context) (int, error) {
		if s.items[item] < n {
			return s.items[item], fmt.Errorf("only %d of %s left", s.items[item], item)
		}
		s.items[item] -= n
		return s.items[item], nil
	})
}

func Example_channels() {
	r := reactor.New(reactor.Config{Name: "stock"})
	r.Start()
	defer r.Stop(context.Background())
	s := &stock{r: r, items: map[string]int{"nail": 100}}

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fmt.Println(s.take(ctx, "nail", 70))
	fmt.Println(s.take(ctx, "nail", 70))
	// Output:
	// 30 <nil>
	// 30 only 30 of nail left
}
