package howto_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

func Example_later() {
	release := make(chan struct{})
	report := eventual.Go(context.Background(), func(context.Context) (string, error) {
		<-release // takes its time
		return "42 pages", nil
	})

	// Wait now, for as long as we care to.
	_, err := report.Wait(10 * time.Millisecond)
	fmt.Println("timeout:", errors.Is(err, eventual.ErrTimeout))

	// Keep it for whoever comes back with the id.
	stash := eventual.Stash[string]{TTL: time.Hour, Max: 1000}
	id, err := stash.PutFor("ann", report)
	if err != nil {
		panic(err) // the stash is full of pending results
	}

	// Somebody else's id is as unknown as one that never was.
	_, err = stash.RetrieveFor("joe", id)
	fmt.Println("joe:", err)

	// Pick it up later. The id is used up by that.
	close(release)
	again, err := stash.RetrieveFor("ann", id)
	if err != nil {
		panic(err)
	}
	fmt.Println(again.Wait(time.Second))
	_, err = stash.RetrieveFor("ann", id)
	fmt.Println("ann, again:", err)

	// In a select, with other things that may happen.
	select {
	case <-again.Done():
		fmt.Println("done")
	case <-time.After(time.Second):
		fmt.Println("not yet")
	}
	// Output:
	// timeout: true
	// joe: eventual: unknown id
	// 42 pages <nil>
	// ann, again: eventual: unknown id
	// done
}
