package howto_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

func Example_bound() {
	ctx := context.Background()
	db, err := threadpool.New(threadpool.Config{
		Name:       "db",
		Max:        2, // queries at once
		QueueLimit: 3, // that wait
	})
	if err != nil {
		panic(err)
	}

	begun, release := make(chan bool, 6), make(chan struct{})
	query := func(ctx context.Context) (string, error) {
		begun <- true
		select { // a driver that heeds its ctx
		case <-release:
			return "rows", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	var queries []*eventual.Result[string]
	for n := range 6 {
		queries = append(queries, threadpool.DeferToThread(ctx, db, query))
		if n < 2 {
			<-begun
		}
	}

	// Two run and three wait. The sixth is refused on the spot: answer 503 and let the client come back.
	_, err = queries[5].Wait(0)
	fmt.Println(errors.Is(err, threadpool.ErrQueueFull), err)

	// A query whose caller has gone before its turn is never begun.
	queries[4].Cancel()
	_, err = queries[4].Wait(0)
	fmt.Println(err)

	close(release)
	fmt.Println(eventual.All(queries[:4]...).Wait(time.Second))
	fmt.Println(db.Stop(ctx), db.Stats().Succeeded)
	// Output:
	// true threadpool db: threadpool: queue is full: 3 jobs wait
	// eventual: canceled
	// [rows rows rows rows] <nil>
	// <nil> 4
}
