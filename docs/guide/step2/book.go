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
// lock. Its methods may be called by any goroutine.
type Book struct {
	r     *reactor.Reactor
	rates map[string]float64
	asked map[string]int
}

// NewBook returns a Book with the given rates.
func NewBook(r *reactor.Reactor, rates map[string]float64) *Book {
	return &Book{r: r, rates: maps.Clone(rates), asked: map[string]int{}}
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
