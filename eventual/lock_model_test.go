package eventual_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/eventual"
)

// lineModel is a Lock or Semaphore put plainly: who holds, in the order of
// granting, and who waits.
type lineModel struct {
	tokens, held int
	waiting      []int
}

func (m *lineModel) acquire(who int) (granted bool) {
	if m.held < m.tokens {
		m.held++
		return true
	}
	m.waiting = append(m.waiting, who)
	return false
}

func (m *lineModel) release() (next int, ok bool) {
	if m.held == 0 {
		return 0, false
	}
	if len(m.waiting) == 0 {
		m.held--
		return -1, true
	}
	next, m.waiting = m.waiting[0], m.waiting[1:]
	return next, true
}

func TestDeferred_D11_LocksAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &lineModel{tokens: rapid.IntRange(1, 4).Draw(t, "tokens")}
		l := eventual.Locker(new(eventual.Lock))
		if m.tokens > 1 {
			l, _ = eventual.NewSemaphore(m.tokens)
		}
		var ds []*eventual.Deferred[struct{}]
		granted := map[int]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(*rapid.T) {
				who := len(ds)
				ds = append(ds, l.Acquire())
				granted[who] = m.acquire(who)
			},
			"release": func(t *rapid.T) {
				next, ok := m.release()
				if err := l.Release(); (err == nil) != ok || err != nil && !errors.Is(err, eventual.ErrNotHeld) {
					t.Fatalf("Release: %v, the model says %v", err, ok)
				}
				if ok && next >= 0 {
					granted[next] = true
				}
			},
			"cancel": func(t *rapid.T) {
				if len(ds) == 0 {
					t.Skip("nobody")
				}
				who := rapid.IntRange(0, len(ds)-1).Draw(t, "who")
				ds[who].Cancel()
				m.waiting = slices.DeleteFunc(m.waiting, func(w int) bool { return w == who })
			},
			"": func(t *rapid.T) {
				for who, d := range ds {
					o, done := d.Peek()
					if holds := done && o.Err == nil; holds != granted[who] {
						t.Fatalf("%d holds: %v, the model says %v", who, holds, granted[who])
					}
				}
			},
		})
	})
}

func TestDeferred_D11_QueueAgainstAModel(t *testing.T) {
	defer eventual.OnUnhandled(func(error) {})()
	rapid.Check(t, func(t *rapid.T) {
		q := &eventual.Queue[int]{Size: rapid.IntRange(0, 3).Draw(t, "size"), Backlog: rapid.IntRange(0, 3).Draw(t, "backlog")}
		var values, waiting []int
		var ds []*eventual.Deferred[int]
		got := map[int]int{}
		put := 0
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				put++
				err := q.Put(put)
				switch {
				case len(waiting) > 0:
					got[waiting[0]], waiting = put, waiting[1:]
				case q.Size > 0 && len(values) == q.Size:
					if !errors.Is(err, eventual.ErrQueueOverflow) {
						t.Fatalf("Put of one too many: %v", err)
					}
					return
				default:
					values = append(values, put)
				}
				if err != nil {
					t.Fatal(err)
				}
			},
			"get": func(t *rapid.T) {
				who, d := len(ds), q.Get()
				ds = append(ds, d)
				switch {
				case len(values) > 0:
					got[who], values = values[0], values[1:]
				case q.Backlog > 0 && len(waiting) == q.Backlog:
					if _, err := peek(d); !errors.Is(err, eventual.ErrQueueUnderflow) {
						t.Fatalf("Get of one too many: %v", err)
					}
				default:
					waiting = append(waiting, who)
				}
			},
			"cancel": func(t *rapid.T) {
				if len(ds) == 0 {
					t.Skip("nobody")
				}
				who := rapid.IntRange(0, len(ds)-1).Draw(t, "who")
				ds[who].Cancel()
				waiting = slices.DeleteFunc(waiting, func(w int) bool { return w == who })
			},
			"": func(t *rapid.T) {
				for who, d := range ds {
					if v, _ := peek(d); v != got[who] {
						t.Fatalf("%d got %d, the model says %d", who, v, got[who])
					}
				}
			},
		})
	})
}

// peek returns the outcome, or zeros if there is none.
func peek(d *eventual.Deferred[int]) (int, error) {
	o, _ := d.Peek()
	return o.Value, o.Err
}

// TestDeferred_D11_Stress has many goroutines acquire, give up and release: no
// more hold than may, and no token is lost.
func TestDeferred_D11_Stress(t *testing.T) {
	const goroutines, tokens = 64, 3
	rounds := 300
	if raceEnabled || testing.Short() {
		rounds = 60
	}
	sem, err := eventual.NewSemaphore(tokens)
	if err != nil {
		t.Fatal(err)
	}
	var inside atomic.Int32
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range rounds {
				res := sem.Acquire().Result()
				if (g+i)%3 == 0 {
					go res.Cancel() // ends by itself
				}
				if _, err := res.Wait(soon); err != nil {
					if !errors.Is(err, eventual.ErrCanceled) {
						t.Error(err)
					}
					continue
				}
				if n := inside.Add(1); n > tokens {
					t.Errorf("%d hold at once", n)
				}
				inside.Add(-1)
				if err := sem.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range tokens {
		if _, ok := sem.Acquire().Peek(); !ok {
			t.Errorf("%d of %d tokens are lost", tokens-i, tokens)
		}
	}
}

// TestDeferred_D11_LongLines are as quick at each step as short ones.
func TestDeferred_D11_LongLines(t *testing.T) {
	n := 300_000
	if raceEnabled {
		n = 30_000
	}
	var q eventual.Queue[int]
	for i := range n {
		_ = q.Put(i)
	}
	for i := range n {
		if v, err := outcome(t, q.Get()); v != i || err != nil {
			t.Fatalf("%d, %v", v, err)
		}
	}
	waiting := make([]*eventual.Deferred[int], n)
	for i := range waiting {
		waiting[i] = q.Get()
	}
	for i := n - 1; i > 0; i-- {
		waiting[i].Cancel()
	}
	_ = q.Put(7)
	if v, err := outcome(t, waiting[0]); v != 7 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if err := q.Put(8); err != nil {
		t.Error(err)
	}
	if v, err := outcome(t, q.Get()); v != 8 || err != nil {
		t.Errorf("after all the others left: %d, %v", v, err)
	}
	var l eventual.Lock
	for range n {
		l.Acquire()
	}
	for range n {
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
}
