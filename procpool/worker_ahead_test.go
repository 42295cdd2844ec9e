package procpool

import (
	"fmt"
	"testing"
	"time"
)

// Short jobs are sent ahead by the hundred, but no more than take 2 ms together, and no
// more bytes than the worker reads at once.
func TestTake_HowManyAhead(t *testing.T) {
	const queued = 1000
	for _, c := range []struct {
		pace  time.Duration
		size  int
		ahead int // that the worker has already
		want  int
	}{
		{time.Microsecond, 2, 0, maxAhead},
		{time.Microsecond, 2, maxAhead - 3, 3},
		{0, 2, maxAhead, 0},
		{20 * time.Microsecond, 2, 0, 100},
		{short - 1, 2, 0, 10},
		{short, 2, 0, 1},
		{short, 2, 1, 0},
		{time.Microsecond, aheadSize/2 - 1, 0, 3},
		{time.Microsecond, aheadSize, 0, 1},
		{time.Microsecond, 8 * aheadSize, 1, 1},
	} {
		t.Run(fmt.Sprintf("%v of %d bytes", c.pace, c.size), func(t *testing.T) {
			p := &Pool{base: time.Now(), state: running, min: 1, max: 1, workers: make(map[*worker]struct{})}
			w := newWorker(p, 1)
			w.pace, w.begun = c.pace, time.Hour // none runs long
			p.workers[w] = struct{}{}
			for range c.ahead {
				w.line = append(w.line, &job[int]{})
			}
			data := make([]byte, c.size)
			for range queued {
				p.queue.push(&job[int]{jobCore: jobCore{p: p, in: payload{data: data}}})
			}
			taken := w.takeLocked()
			if len(taken) != c.want || p.queue.len() != queued-c.want {
				t.Errorf("%d were taken and %d left, want %d taken", len(taken), p.queue.len(), c.want)
			}
		})
	}
}
