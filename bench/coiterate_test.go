package bench_test

import (
	"fmt"
	"iter"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
)

// One step of a task, with so many tasks sharing a reactor. The tasks exist
// before, and sleep between the rounds.
func BenchmarkYield(b *testing.B) {
	for _, c := range []struct{ tasks, each int }{{1, 100_000}, {1_000, 1000}, {100_000, 400}} {
		b.Run(fmt.Sprintf("tasks=%d", c.tasks), func(b *testing.B) {
			ours := yielders(b, c.tasks, c.each)
			yardsticks := []contender{pullAll(b, c.tasks)}
			if c.tasks <= 1000 { // more would take minutes
				yardsticks = append(yardsticks, goschedAll(c.tasks))
			}
			contest(b, ours, yardsticks...)
		})
	}
}

// yielders are tasks that make each steps when they are told to.
func yielders(b *testing.B, tasks, each int) contender {
	c := coiterate.New(startReactor(b), coiterate.Config{})
	gate, open := eventual.New[int](nil) // gives how often to make so many steps; 0: end
	var at sync.WaitGroup                // the gate
	var began, ended time.Time           // the steps of a round; of the reactor's goroutine until all are at the gate
	at.Add(tasks)
	all := make([]*eventual.Result[int], tasks)
	for i := range all {
		all[i] = coiterate.Run(background, c, func(y *coiterate.Yielder) (int, error) {
			for {
				mine := gate
				at.Done()
				if err := y.Await(mine); err != nil {
					return 0, err
				}
				o, _ := mine.Peek()
				if o.Value == 0 {
					return 0, nil
				}
				if began.IsZero() {
					began = time.Now()
				}
				for range o.Value * each {
					if err := y.Yield(); err != nil {
						return 0, err
					}
				}
				ended = time.Now()
			}
		})
	}
	at.Wait()
	b.Cleanup(func() {
		open(0, nil)
		must(b, eventual.All(all...))
	})
	return contender{unit: tasks * each, timed: func(n int) time.Duration {
		opened := open
		at.Add(tasks)
		gate, open = eventual.New[int](nil)
		began = time.Time{}
		opened(n, nil)
		at.Wait()
		return ended.Sub(began)
	}}
}

// pullAll are as many coroutines of iter.Pull, which strictly alternate.
func pullAll(b *testing.B, tasks int) contender {
	next := make([]func() (int, bool), tasks)
	for i := range next {
		var stop func()
		next[i], stop = iter.Pull(func(yield func(int) bool) {
			for yield(1) {
			}
		})
		next[i]()
		b.Cleanup(stop)
	}
	each := max(10_000/tasks, 1)
	return contender{name: "iter.Pull", unit: tasks * each, run: func(n int) {
		for range n * each {
			for _, f := range next {
				f()
			}
		}
	}}
}

// goschedAll are as many goroutines that yield the processor at each step.
func goschedAll(tasks int) contender {
	each := max(10_000/tasks, 10)
	return contender{name: "Gosched", unit: tasks * each, run: func(n int) {
		var wg sync.WaitGroup
		for range tasks {
			wg.Go(func() {
				for range n * each {
					runtime.Gosched()
				}
			})
		}
		wg.Wait()
	}}
}
