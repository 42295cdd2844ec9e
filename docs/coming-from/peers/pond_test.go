package peers_test

import (
	"errors"
	"fmt"

	"github.com/alitto/pond/v2"
)

func Example_pond() {
	pool := pond.NewResultPool[string](2, pond.WithQueueSize(100))
	defer pool.StopAndWait()

	var tasks []pond.Result[string]
	for _, width := range []int{100, 0, 300} {
		tasks = append(tasks, pool.Submit(func() string {
			if width == 0 {
				panic("no width")
			}
			return fmt.Sprintf("%d px", width)
		}))
	}
	for _, task := range tasks {
		text, err := task.Wait() // for as long as it takes
		if errors.Is(err, pond.ErrPanic) {
			fmt.Println("panicked")
			continue
		}
		fmt.Println(text)
	}
	// Output:
	// 100 px
	// panicked
	// 300 px
}
