package coiterate_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/reactor"
)

func TestCoiterate_C04_StrictAlternation(t *testing.T) {
	r, c := byHand(t, coiterate.Config{StepsPerTurn: 1})
	var order []int
	for id := range 3 {
		coiterate.Coiterate(t.Context(), c, func(yield func(int) bool) {
			for range 4 {
				order = append(order, id)
				if !yield(0) {
					return
				}
			}
		})
	}
	r.Pump()
	if want := []int{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}; !slices.Equal(order, want) {
		t.Errorf("%v", order)
	}
}

func TestCoiterate_C04_TheLoopStaysResponsive(t *testing.T) {
	r := reactor.New(reactor.Config{StallThreshold: -1})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{Slice: time.Hour}) // so that only the call can end it
	defer c.Stop()
	counts := make([]int, 20)
	for i := range counts {
		coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
			for yield(0) {
				counts[i]++
			}
		})
	}
	for range 200 {
		if _, err := reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) { return 0, nil }).Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = reactor.RunInReactor(context.Background(), r, func(context.Context) (int, error) {
		for i, n := range counts {
			if n == 0 {
				t.Errorf("task %d never ran", i)
			}
		}
		return 0, nil
	}).Wait(soon)
}
