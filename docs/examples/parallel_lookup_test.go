package examples_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// lookUpHost gives an address, or fails, after a while.
func lookUpHost(r *reactor.Reactor, host string) *eventual.Deferred[string] {
	addrs := map[string]string{"alpha": "192.0.2.1", "gamma": "192.0.2.3"}
	return reactor.Deferred(r, reactor.DeferLater(context.Background(), r, time.Millisecond,
		func(context.Context) (string, error) {
			if addr, ok := addrs[host]; ok {
				return addr, nil
			}
			return "", fmt.Errorf("%s: no such host", host)
		}))
}

func Example_parallelLookup() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "lookup"})
	r.Start()
	defer r.Stop(ctx)
	hosts := []string{"alpha", "beta", "gamma"}

	// All at once. A member that fails does not fail the list: it gives the
	// outcome of each, in their order.
	outcomes, err := reactor.RunDeferred(ctx, r, func(context.Context) *eventual.Deferred[[]eventual.Outcome[string]] {
		var all []*eventual.Deferred[string]
		for _, host := range hosts {
			all = append(all, lookUpHost(r, host))
		}
		return eventual.DeferredList(eventual.ListOptions{ConsumeErrors: true}, all...)
	}).Wait(time.Second)
	for i, o := range outcomes {
		if o.Err != nil {
			fmt.Println("failed:", o.Err)
			continue
		}
		fmt.Println(hosts[i], o.Value)
	}
	fmt.Println(err)
	// Output:
	// alpha 192.0.2.1
	// failed: beta: no such host
	// gamma 192.0.2.3
	// <nil>
}
