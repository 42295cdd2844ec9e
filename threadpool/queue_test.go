package threadpool

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The queue against a slice, through pushes, takes of several and returns to the
// front, across the ends of its blocks.
func TestQueueIsAFirstInFirstOutList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []entry
		var taken []entry // last, and not returned
		next, high := time.Duration(0), 0
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 3*blockLen).Draw(t, "n") {
					next++
					q.push(entry{at: next})
					model = append(model, entry{at: next})
				}
				high = max(high, len(model))
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
			"": func(t *rapid.T) {
				if q.len() != len(model) || q.high < high {
					t.Fatalf("%d entries, %d at most; want %d, %d", q.len(), q.high, len(model), high)
				}
				if len(model) == 0 && (q.first != nil || q.last != nil) {
					t.Fatal("an empty queue keeps a block in use")
				}
			},
		})
		if rest := q.take(q.len(), nil); !slices.Equal(rest, model) {
			t.Fatalf("left %v, want %v", rest, model)
		}
		if q.spare != nil && q.spare.entries != [blockLen]entry{} {
			t.Fatal("the spare block holds on to something")
		}
	})
}
