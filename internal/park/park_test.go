package park

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

type hook struct {
	err    error
	resume func()
	asked  []any
}

func (h *hook) BeforePark(awaited any) (func(), error) {
	h.asked = append(h.asked, awaited)
	return h.resume, h.err
}

func TestHookIsThatOfTheGoroutine(t *testing.T) {
	if resume, err := Before(ID(), nil); resume != nil || err != nil {
		t.Error("a hook from nowhere")
	}
	refused := errors.New("refused")
	h := &hook{err: refused}
	id := Enter(h)
	if id != ID() || Current(id) != h {
		t.Error("the hook is not this goroutine's")
	}
	if _, err := Before(id, "work"); !errors.Is(err, refused) || len(h.asked) != 1 || h.asked[0] != "work" {
		t.Errorf("%v, asked %v", err, h.asked)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // a goroutine started by this one has no part in it
		if ID() == id || Current(ID()) != nil {
			t.Error("the hook is inherited")
		}
	})
	wg.Wait()
	Leave(id)
	Leave(id)
	if Current(id) != nil {
		t.Error("the hook is still there")
	}
}

// A hook within another hides nothing: both are asked, and Leave takes out one.
func TestHooksNest(t *testing.T) {
	var told []string
	refused := errors.New("refused")
	outer := &hook{resume: func() { told = append(told, "outer") }}
	inner := &other{hook{resume: func() { told = append(told, "inner") }}}
	id := Enter(outer)
	Enter(inner)
	if h, ok := Find[*hook](id); !ok || h != outer {
		t.Error("the outer hook is not found")
	}
	if h, ok := Find[*other](id); !ok || h != inner {
		t.Error("the inner hook is not found")
	}
	if resume, err := Before(id, nil); err != nil || resume == nil {
		t.Errorf("%v", err)
	} else {
		resume()
	}
	if !slices.Equal(told, []string{"outer", "inner"}) {
		t.Errorf("told of the end: %v", told)
	}
	for _, h := range []*hook{outer, &inner.hook} {
		h.err, told = refused, nil
		if resume, err := Before(id, nil); !errors.Is(err, refused) || resume != nil {
			t.Errorf("%v", err)
		}
		if h == outer && !slices.Equal(told, []string{"inner"}) {
			t.Errorf("of a refused wait: %v", told)
		}
		h.err = nil
	}
	Leave(id)
	if Current(id) != outer {
		t.Error("the outer hook is gone with the inner one")
	}
	if _, ok := Find[*other](id); ok {
		t.Error("the inner hook is still there")
	}
	Leave(id)
	if _, ok := Find[*hook](id); ok || Current(id) != nil {
		t.Error("a hook is left")
	}
}

// other is a hook of another type.
type other struct{ hook }

func TestManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			h := &hook{}
			id := Enter(h)
			defer Leave(id)
			for range 20 {
				if Current(ID()) != h {
					t.Error("somebody else's hook")
				}
			}
		})
	}
	wg.Wait()
	for i := range table {
		if table[i].live.Load() != 0 || len(table[i].hook) != 0 {
			t.Fatal("hooks are left")
		}
	}
}

func BenchmarkBeforeWithoutHook(b *testing.B) {
	for b.Loop() {
		_, _ = Before(ID(), nil)
	}
}
