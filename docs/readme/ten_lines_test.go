package readme_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/reactor"
)

func Example_tenLines() {
	ctx, r := context.Background(), reactor.Default()
	visits := 0 // lives on the reactor: no lock
	count := func(context.Context) (int, error) { visits++; return visits, nil }

	n, err := reactor.RunInReactor(ctx, r, count).Wait(time.Second)
	fmt.Println(n, err)
	// Output: 1 <nil>
}
