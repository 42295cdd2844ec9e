package eventual

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDeferred_D01_TheQueueKeepsOrder for any way of adding and running in turns, and
// keeps nothing of what was run.
func TestDeferred_D01_TheQueueKeepsOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var q linkQueue
		var added, ran []int
		for range random.IntN(10) {
			for range random.IntN(90) {
				q.addLocked(len(added))
				added = append(added, len(added))
			}
			if !q.refillLocked() {
				continue
			}
			for left := random.IntN(100); left > 0; {
				links := q.links()
				if links == nil {
					break
				}
				for int(q.at) < len(links) && left > 0 {
					ran = append(ran, links[q.at].(int))
					q.at++
					left--
				}
				if len(ran) > 0 && left == 0 && q.begun() != ran[len(ran)-1] {
					t.Fatalf("begun is %v, ran %d", q.begun(), ran[len(ran)-1])
				}
			}
		}
		for q.refillLocked() {
			for links := q.links(); links != nil; links = q.links() {
				for ; int(q.at) < len(links); q.at++ {
					ran = append(ran, links[q.at].(int))
				}
			}
		}
		if !slices.Equal(added, ran) {
			t.Fatalf("added %v, ran %v", added, ran)
		}
		if !q.emptyLocked() || q != (linkQueue{}) {
			t.Fatalf("left: %+v", q)
		}
	}
	if b := blocks.Get().(*block); *b != (block{}) {
		t.Error("a block that is to be used again holds something")
	}
}
