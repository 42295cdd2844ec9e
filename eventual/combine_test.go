package eventual_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

func TestEventual_E15_StashExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := eventual.Stash[int]{TTL: time.Minute}
		pending, settle := eventual.New[int](nil)
		slow, _ := s.Put(pending)
		quick, _ := s.Put(eventual.Of(1))
		time.Sleep(time.Minute)
		if _, err := s.Retrieve(quick); !errors.Is(err, eventual.ErrExpiredID) {
			t.Errorf("after its time: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := s.Retrieve(quick); errors.Is(err, eventual.ErrExpiredID) || !errors.Is(err, eventual.ErrUnknownID) {
			t.Errorf("long after its time: %v", err)
		}
		settle(1, nil) // its time begins now
		time.Sleep(59 * time.Second)
		if _, err := s.Retrieve(slow); err != nil {
			t.Error(err)
		}
	})
}

// settled is a pending result, how to end it, and whether it was cancelled.
type controlled struct {
	r        *eventual.Result[int]
	settle   func(int, error) bool
	canceled bool
}

func control() *controlled {
	c := new(controlled)
	c.r, c.settle = eventual.New[int](func() { c.canceled = true })
	return c
}

func TestCombine_All(t *testing.T) {
	a, b, c := control(), control(), control()
	all := eventual.All(a.r, b.r, c.r)
	c.settle(3, nil)
	a.settle(1, nil)
	if _, ok := all.Peek(); ok {
		t.Error("done too early")
	}
	b.settle(2, nil)
	if vs, err := all.Wait(0); !slices.Equal(vs, []int{1, 2, 3}) || err != nil {
		t.Errorf("%v, %v", vs, err)
	}
	a, b, c = control(), control(), control()
	all = eventual.All(a.r, b.r, c.r)
	b.settle(0, errBoom)
	if _, err := all.Wait(0); !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "result 1") || !a.canceled || !c.canceled {
		t.Errorf("%v, cancelled %v %v", err, a.canceled, c.canceled)
	}
	a, b = control(), control()
	eventual.All(a.r, b.r).Cancel()
	if !a.canceled || !b.canceled {
		t.Error("Cancel did not reach the members")
	}
	if vs, err := eventual.All[int]().Wait(0); len(vs) != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", vs, err)
	}
}

func TestCombine_Settle(t *testing.T) {
	a, b := control(), control()
	s := eventual.Settle(a.r, b.r)
	a.settle(0, errBoom)
	if b.canceled {
		t.Error("a failure cancelled the other")
	}
	b.settle(2, nil)
	out, err := s.Wait(0)
	if err != nil || !errors.Is(out[0].Err, errBoom) || out[1].Value != 2 {
		t.Errorf("%v, %v", out, err)
	}
	if out, err := eventual.Settle[int]().Wait(0); len(out) != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", out, err)
	}
}

func TestCombine_First(t *testing.T) {
	a, b, c := control(), control(), control()
	f := eventual.First(a.r, b.r, c.r)
	a.settle(0, errBoom)
	c.settle(3, nil)
	if v, err := f.Wait(0); v != 3 || err != nil || !b.canceled {
		t.Errorf("%v, %v, cancelled %v", v, err, b.canceled)
	}
	a, b = control(), control()
	f = eventual.First(a.r, b.r)
	other := errors.New("other")
	b.settle(0, other)
	a.settle(0, errBoom)
	if _, err := f.Wait(0); !errors.Is(err, errBoom) || !errors.Is(err, other) {
		t.Errorf("%v", err)
	}
	if _, err := eventual.First[int]().Wait(0); err == nil {
		t.Error("of nothing succeeded")
	}
}

func TestCombine_Then(t *testing.T) {
	for name, c := range map[string]struct {
		in   *eventual.Result[int]
		f    func(int) (string, error)
		want error
	}{
		"value":   {eventual.Of(1), func(int) (string, error) { return "x", nil }, nil},
		"error":   {eventual.Of(1), func(int) (string, error) { return "", errBoom }, errBoom},
		"failure": {eventual.Failed[int](errBoom), func(int) (string, error) { t.Error("called"); return "", nil }, errBoom},
		"panic":   {eventual.Of(1), func(int) (string, error) { panic(errBoom) }, errBoom},
	} {
		if v, err := eventual.Then(c.in, c.f).Wait(0); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (err == nil && v != "x") {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
	c := control()
	then := eventual.Then(c.r, func(int) (int, error) { runtime.Goexit(); return 0, nil })
	go c.settle(1, nil)
	if _, err := then.Wait(soon); !errors.Is(err, eventual.ErrGoexit) {
		t.Errorf("Goexit: %v", err)
	}
	c = control()
	eventual.Map(c.r, func(n int) int { return n }).Cancel()
	if !c.canceled {
		t.Error("Cancel did not reach the input")
	}
}

func TestGo_BadArguments(t *testing.T) {
	if _, err := eventual.Go[int](context.Background(), nil).Wait(0); err == nil {
		t.Error("nil function accepted")
	}
}

func TestLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		if _, _, ok := l.Load(); ok {
			t.Error("a value before the first")
		}
		next := l.Next()
		l.Set(1)
		at := time.Now()
		time.Sleep(time.Second)
		if v, set, ok := l.Load(); v != 1 || !set.Equal(at) || !ok {
			t.Errorf("%v, %v, %v", v, set, ok)
		}
		if v, err := next.Wait(0); v != 1 || err != nil {
			t.Errorf("Next: %v, %v", v, err)
		}
		if _, err := l.Next().Wait(time.Hour); !errors.Is(err, eventual.ErrTimeout) {
			t.Errorf("Next without a change: %v", err)
		}
	})
}

func TestLatest_WatchSkipsToTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l eventual.Latest[int]
		ctx, cancel := context.WithCancel(context.Background())
		var got []int
		var wg sync.WaitGroup
		wg.Go(func() {
			for v := range l.Watch(ctx) {
				got = append(got, v)
				time.Sleep(10 * time.Second) // slower than the writer
			}
		})
		for i := range 20 {
			l.Set(i)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		cancel()
		wg.Wait()
		if !slices.IsSorted(got) || len(got) > 4 || got[len(got)-1] != 19 {
			t.Errorf("%v", got)
		}
		for range l.Watch(context.Background()) {
			break // leaves at once with the current value
		}
	})
}
