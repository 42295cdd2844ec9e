package coiterate_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/reactor"
)

func ExampleCoiterate() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{})
	defer c.Stop()

	sum := 0
	res := coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
		for i := range 1000 {
			sum += i // on the reactor: no lock
			if !yield(i) {
				return
			}
		}
	})
	_, err := res.Wait(time.Second)
	fmt.Println(sum, err)
	// Output: 499500 <nil>
}
