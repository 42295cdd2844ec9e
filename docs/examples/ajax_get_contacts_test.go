package examples_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

var errOffline = errors.New("server is offline")

// fetchContacts is the call to the server: one of them works, one does not, and
// one answers rubbish.
func fetchContacts(user string) *eventual.Deferred[string] {
	switch user {
	case "ann":
		return eventual.Succeed("bob,eve")
	case "zoe":
		return eventual.Succeed("")
	}
	return eventual.Fail[string](errOffline)
}

// parseContacts fails on rubbish.
func parseContacts(body string) (string, error) {
	if body == "" {
		return "", errors.New("empty answer")
	}
	return strings.ReplaceAll(body, ",", " and "), nil
}

func apologize(err error) (string, error) { return "sorry, " + err.Error(), nil }

// Version 1: an errback at the end sees the failures of everything before it.
func contactsErrbackLast(user string) *eventual.Deferred[string] {
	return fetchContacts(user).AddCallback(parseContacts).AddErrback(apologize)
}

// Version 2: a callback and an errback as one step. The errback sees failures of
// the fetch, and not those of its own neighbour.
func contactsEitherOr(user string) *eventual.Deferred[string] {
	return fetchContacts(user).AddCallbacks(parseContacts, apologize)
}

// Version 3: an errback in the middle puts something in place of what failed, and
// the callback after it never knows.
func contactsDefault(user string) *eventual.Deferred[string] {
	return fetchContacts(user).
		AddErrback(func(error) (string, error) { return "from,the,cache", nil }).
		AddCallback(parseContacts)
}

// Version 4: a coroutine. Errors are values, as everywhere in Go.
func contactsInline(user string) func(*reactor.Co) (string, error) {
	return func(co *reactor.Co) (string, error) {
		body, err := reactor.Await(co, fetchContacts(user))
		if errors.Is(err, errOffline) {
			return apologize(err)
		}
		if err != nil {
			return "", err
		}
		return parseContacts(body)
	}
}

func Example_ajaxGetContacts() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "contacts"})
	r.Start()
	defer r.Stop(ctx)
	for _, user := range []string{"ann", "joe", "zoe"} {
		fmt.Println(user)
		for i, version := range []func(string) *eventual.Deferred[string]{contactsErrbackLast, contactsEitherOr, contactsDefault} {
			text, err := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[string] {
				return version(user)
			}).Wait(time.Second)
			fmt.Printf("  %d: %q %v\n", i+1, text, err)
		}
		text, err := reactor.Inline(ctx, r, contactsInline(user)).Wait(time.Second)
		fmt.Printf("  4: %q %v\n", text, err)
	}
	// Output:
	// ann
	//   1: "bob and eve" <nil>
	//   2: "bob and eve" <nil>
	//   3: "bob and eve" <nil>
	//   4: "bob and eve" <nil>
	// joe
	//   1: "sorry, server is offline" <nil>
	//   2: "sorry, server is offline" <nil>
	//   3: "from and the and cache" <nil>
	//   4: "sorry, server is offline" <nil>
	// zoe
	//   1: "sorry, empty answer" <nil>
	//   2: "" empty answer
	//   3: "" empty answer
	//   4: "" empty answer
}
