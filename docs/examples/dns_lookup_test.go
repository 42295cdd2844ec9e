package examples_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// lookUp has a blocking lookup of the standard library done by a pool.
func lookUp(ctx context.Context, p *threadpool.Pool, res *net.Resolver, host string) *eventual.Result[[]netip.Addr] {
	return threadpool.DeferToThread(ctx, p, func(ctx context.Context) ([]netip.Addr, error) {
		return res.LookupNetIP(ctx, "ip4", host)
	})
}

// lookUpMX is the same for the mail servers of a domain, the preferred one first.
func lookUpMX(ctx context.Context, p *threadpool.Pool, res *net.Resolver, domain string) *eventual.Result[[]string] {
	return threadpool.DeferToThread(ctx, p, func(ctx context.Context) ([]string, error) {
		records, err := res.LookupMX(ctx, domain)
		var hosts []string
		for _, mx := range records {
			hosts = append(hosts, mx.Host)
		}
		return hosts, err
	})
}

func Example_dnsLookup() {
	res, stop := startNameServer() // on the loopback interface; yours is &net.Resolver{}
	defer stop()
	ctx := context.Background()
	p, err := threadpool.New(threadpool.Config{Name: "dns", Max: 10})
	if err != nil {
		panic(err)
	}
	defer p.Stop(ctx)

	fmt.Println(lookUp(ctx, p, res, "example.org.").Wait(5 * time.Second))
	fmt.Println(lookUpMX(ctx, p, res, "example.org.").Wait(5 * time.Second))

	// This server never answers for slow.example. We wait as long as we like, and
	// then have the lookup stopped.
	slow := lookUp(ctx, p, res, "slow.example.")
	_, err = slow.Wait(20 * time.Millisecond)
	fmt.Println("timeout:", errors.Is(err, eventual.ErrTimeout))
	slow.Cancel()
	_, err = slow.Wait(5 * time.Second)
	fmt.Println("failed:", err != nil)
	// Output:
	// [192.0.2.7] <nil>
	// [mx1.example.org. mx2.example.org.] <nil>
	// timeout: true
	// failed: true
}
