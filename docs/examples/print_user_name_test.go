package examples_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

type userRecord struct {
	ID   int
	Name string
}

var errNoUser = errors.New("no such user")

// findUser asks a database of callbacks, as drivers on an event loop are.
func findUser(r *reactor.Reactor, id int) *eventual.Deferred[userRecord] {
	d := eventual.NewDeferred[userRecord](nil)
	r.CallLater(time.Millisecond, func() {
		if id != 1 {
			_ = d.Errback(fmt.Errorf("%w: %d", errNoUser, id))
			return
		}
		_ = d.Callback(userRecord{ID: 1, Name: "ann"})
	})
	return d
}

// printUserName prints the name of a user, or who it takes them for.
func printUserName(r *reactor.Reactor, id int) *eventual.Deferred[string] {
	name := eventual.ThenDeferred(findUser(r, id), func(u userRecord) (string, error) { return u.Name, nil })
	return name.
		AddErrback(func(err error) (string, error) {
			if errors.Is(err, errNoUser) {
				return "nobody", nil // dealt with: what follows are callbacks again
			}
			return "", err
		}).
		AddCallback(func(name string) (string, error) {
			fmt.Println("hello,", name)
			return name, nil
		})
}

func Example_printUserName() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "users"})
	r.Start()
	defer r.Stop(ctx)
	for _, id := range []int{1, 2} {
		_, err := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[string] {
			return printUserName(r, id)
		}).Wait(time.Second)
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// hello, ann
	// hello, nobody
}
