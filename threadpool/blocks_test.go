package threadpool

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// numbered is a task that is nothing but told apart.
type numbered struct {
	plainCall
	n int
}

// The queue against a slice, through pushes, takes of several, returns to the front
// and removals, across the ends of its blocks.
func TestQueueIsAFirstInFirstOutList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []entry
		var taken []entry // last, and not returned
		next := 0
		odd := func(e entry) bool { return e.at%2 == 1 }
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 3*blockLen).Draw(t, "n") {
					next++
					e := entry{task: &numbered{n: next}, at: time.Duration(next)}
					q.push(e)
					model = append(model, e)
				}
			},
			"take": func(t *rapid.T) {
				n := rapid.IntRange(0, 3*blockLen).Draw(t, "n")
				taken = q.take(n, nil)
				n = min(n, len(model))
				if !slices.Equal(taken, model[:n]) {
					t.Fatalf("took %v, want %v", taken, model[:n])
				}
				model = model[n:]
			},
			"put back": func(t *rapid.T) {
				n := rapid.IntRange(0, len(taken)).Draw(t, "n")
				rest := taken[len(taken)-n:]
				q.putBack(rest)
				model = append(slices.Clone(rest), model...)
				taken = nil
			},
			"remove": func(t *rapid.T) {
				n := rapid.IntRange(0, 3*blockLen).Draw(t, "n")
				removed := q.remove(n, odd)
				front := max(len(model)-n, 0)
				var gone, left []entry
				for i, e := range model {
					if i >= front && odd(e) {
						gone = append(gone, e)
					} else {
						left = append(left, e)
					}
				}
				if !slices.Equal(removed, gone) {
					t.Fatalf("removed %v, want %v", removed, gone)
				}
				model = left
			},
			"find": func(t *rapid.T) {
				if len(model) == 0 {
					return
				}
				i := rapid.IntRange(0, len(model)-1).Draw(t, "which")
				if got := q.find(model[i].task); got != len(model)-i {
					t.Fatalf("found %d from the end of %d, want %d", got, len(model), len(model)-i)
				}
				if q.find(&numbered{}) != 0 {
					t.Fatal("found what is not there")
				}
			},
			"": func(t *rapid.T) {
				if q.len() != len(model) || len(q.tasks()) != len(model) || q.pushed != uint64(next) {
					t.Fatalf("%d entries of %d, %d listed; want %d of %d", q.len(), q.pushed, len(q.tasks()), len(model), next)
				}
				if len(model) == 0 && (q.first != nil || q.last != nil) {
					t.Fatal("an empty queue keeps a block in use")
				}
				if q.spare != nil && *q.spare != (block{}) {
					t.Fatal("the spare block holds on to something")
				}
			},
		})
		if rest := q.take(q.len(), nil); !slices.Equal(rest, model) {
			t.Fatalf("left %v, want %v", rest, model)
		}
	})
}
