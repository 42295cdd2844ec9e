package park

import (
	"errors"
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
	again := &hook{}
	Enter(again)
	if Current(id) != again {
		t.Error("the newer hook is not in force")
	}
	Leave(id)
	Leave(id)
	if Current(id) != nil {
		t.Error("the hook is still there")
	}
}

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
