package main

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// ErrNoRate says that a currency is not in the book.
var ErrNoRate = errors.New("no rate")

// A Book knows exchange rates, in units per euro, and how often each was asked
// for. Its maps belong to the reactor: nothing else touches them, so they have no
// lock. Its methods may be called by any goroutine, but for Set.
type Book struct {
	// Table is the whole table, for those who want no single rate. A map that
	// was put there is never changed again.
	Table eventual.Latest[map[string]float64]

	r     *reactor.Reactor
	rates map[string]float64
	asked map[string]int
}

// NewBook returns a Book without rates.
func NewBook(r *reactor.Reactor) *Book {
	return &Book{r: r, asked: map[string]int{}}
}

// Set replaces the rates. It is for code that runs on the reactor.
func (b *Book) Set(rates map[string]float64) {
	b.rates = rates
	b.Table.Set(rates)
}

// Rate gives the rate of a currency, or ErrNoRate.
func (b *Book) Rate(ctx context.Context, currency string) *eventual.Result[float64] {
	return reactor.RunInReactor(ctx, b.r, func(context.Context) (float64, error) {
		rate, ok := b.rates[currency]
		if !ok {
			return 0, fmt.Errorf("%w for %q", ErrNoRate, currency)
		}
		b.asked[currency]++
		return rate, nil
	})
}

// Asked gives how often each rate was asked for.
func (b *Book) Asked(ctx context.Context) *eventual.Result[map[string]int] {
	return reactor.RunInReactor(ctx, b.r, func(context.Context) (map[string]int, error) {
		return maps.Clone(b.asked), nil // a copy: the map itself does not leave the reactor
	})
}
