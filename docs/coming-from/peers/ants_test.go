package peers_test

import (
	"fmt"
	"sync"

	"github.com/panjf2000/ants/v2"
)

func Example_ants() {
	pool, err := ants.NewPool(2, ants.WithMaxBlockingTasks(100))
	if err != nil {
		panic(err)
	}
	defer pool.Release()

	type outcome struct {
		text     string
		panicked any
	}
	widths := []int{100, 0, 300}
	outcomes := make([]outcome, len(widths))
	var all sync.WaitGroup
	for i, width := range widths {
		all.Add(1)
		err := pool.Submit(func() {
			defer all.Done()
			defer func() { outcomes[i].panicked = recover() }()
			if width == 0 {
				panic("no width")
			}
			outcomes[i].text = fmt.Sprintf("%d px", width)
		})
		if err != nil { // the pool is full, or released
			all.Done()
			fmt.Println(err)
		}
	}
	all.Wait()
	for _, o := range outcomes {
		if o.panicked != nil {
			fmt.Println("panicked:", o.panicked)
			continue
		}
		fmt.Println(o.text)
	}
	// Output:
	// 100 px
	// panicked: no width
	// 300 px
}
