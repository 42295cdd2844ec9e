package comingfrom_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

type takeReply struct {
	left int
	err  error
}

// handStock is the same with channels: a goroutine that owns the map, and a
// request for each thing it can do.
type handStock struct {
	requests chan func(items map[string]int)
	stop     chan struct{}
	stopped  chan struct{}
}

var errHandStockStopped = errors.New("stock: stopped")

func newHandStock(items map[string]int) *handStock {
	s := &handStock{make(chan func(map[string]int)), make(chan struct{}), make(chan struct{})}
	go func() { // ended by close
		defer close(s.stopped)
		for {
			select {
			case f := <-s.requests:
				f(items)
			case <-s.stop:
				return
			}
		}
	}()
	return s
}

func (s *handStock) take(ctx context.Context, item string, n int) (left int, err error) {
	reply := make(chan takeReply, 1) // with a slot, or an abandoned answer blocks the owner
	request := func(items map[string]int) {
		var out takeReply
		defer func() {
			if v := recover(); v != nil {
				out.err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
			reply <- out
		}()
		if out.left = items[item]; out.left < n {
			out.err = fmt.Errorf("only %d of %s left", out.left, item)
			return
		}
		items[item] -= n
		out.left = items[item]
	}
	select {
	case s.requests <- request:
	case <-s.stopped:
		return 0, errHandStockStopped
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	select {
	case out := <-reply:
		return out.left, out.err
	case <-s.stopped:
		return 0, errHandStockStopped
	case <-ctx.Done():
		return 0, context.Cause(ctx) // the answer is lost
	}
}

func (s *handStock) close() {
	close(s.stop)
	<-s.stopped
}

func Example_channelsByHand() {
	s := newHandStock(map[string]int{"nail": 100})
	defer s.close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fmt.Println(s.take(ctx, "nail", 70))
	fmt.Println(s.take(ctx, "nail", 70))
	// Output:
	// 30 <nil>
	// 30 only 30 of nail left
}
