// Command rates knows exchange rates.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/trestle-go/trestle/reactor"
)

func main() { os.Exit(reactor.React(run)) }

func run(ctx context.Context, r *reactor.Reactor) error {
	book := NewBook(r, map[string]float64{"USD": 1.08, "JPY": 163.2})

	fmt.Println(book.Rate(ctx, "JPY").Wait(time.Second))
	fmt.Println(book.Rate(ctx, "XXX").Wait(time.Second))

	var customers sync.WaitGroup
	for range 100 {
		customers.Go(func() {
			if _, err := book.Rate(ctx, "USD").Wait(time.Second); err != nil {
				fmt.Println(err)
			}
		})
	}
	customers.Wait()
	fmt.Println(book.Asked(ctx).Wait(time.Second))
	return nil
}
