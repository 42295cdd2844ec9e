package eventual_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trestle-go/trestle/eventual"
)

func TestDeferred_D10_Lists(t *testing.T) {
	for _, o := range []eventual.ListOptions{
		{}, {FireOnOneCallback: true}, {FireOnOneErrback: true}, {ConsumeErrors: true},
		{FireOnOneCallback: true, FireOnOneErrback: true},
		{FireOnOneCallback: true, ConsumeErrors: true},
		{FireOnOneErrback: true, ConsumeErrors: true},
		{FireOnOneCallback: true, FireOnOneErrback: true, ConsumeErrors: true},
	} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			a, b, c := eventual.NewDeferred[int](nil), eventual.NewDeferred[int](nil), eventual.NewDeferred[int](nil)
			list := eventual.DeferredList(o, a, b, c)
			_ = b.Errback(errBoom)
			_, early := list.Peek()
			if early != o.FireOnOneErrback {
				t.Fatalf("fired by a failure: %v", early)
			}
			_ = c.Callback(3)
			_, early = list.Peek()
			if early != (o.FireOnOneErrback || o.FireOnOneCallback) {
				t.Fatalf("fired by a value: %v", early)
			}
			_ = a.Callback(1)
			all, err := outcome(t, list)
			switch {
			case o.FireOnOneErrback:
				if !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "deferred 1") {
					t.Errorf("%v", err)
				}
			case o.FireOnOneCallback:
				if !errors.Is(all[0].Err, eventual.ErrPending) || !errors.Is(all[1].Err, errBoom) || all[2].Value != 3 || all[2].Err != nil {
					t.Errorf("%v", all)
				}
			default:
				if all[0].Value != 1 || !errors.Is(all[1].Err, errBoom) || all[2].Value != 3 {
					t.Errorf("%v", all)
				}
			}
			if _, err := outcome(t, b); (err == nil) != o.ConsumeErrors {
				t.Errorf("the member's failure afterwards: %v", err)
			}
		})
	}
	if all, err := outcome(t, eventual.DeferredList[int](eventual.ListOptions{})); len(all) != 0 || err != nil {
		t.Errorf("empty list: %v, %v", all, err)
	}
}

func TestDeferred_D10_GatherAndRace(t *testing.T) {
	a, b := eventual.NewDeferred[int](nil), eventual.NewDeferred[int](nil)
	g := eventual.GatherResults(a, b)
	_, _ = b.Callback(2), a.Callback(1)
	if vs, err := outcome(t, g); !slices.Equal(vs, []int{1, 2}) || err != nil {
		t.Errorf("gather: %v, %v", vs, err)
	}
	var cancelled atomic.Int32
	pending := func() *eventual.Deferred[int] {
		return eventual.NewDeferred(func(*eventual.Deferred[int]) { cancelled.Add(1) })
	}
	g = eventual.GatherResults(pending(), eventual.Fail[int](errBoom), pending())
	if _, err := outcome(t, g); !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "deferred 1") || cancelled.Load() != 2 {
		t.Errorf("gather of a failure: %v, %d cancelled", err, cancelled.Load())
	}
	cancelled.Store(0)
	r := eventual.Race(eventual.Fail[int](errBoom), pending(), eventual.Succeed(5), pending())
	if w, err := outcome(t, r); w != (eventual.Winner[int]{Index: 2, Value: 5}) || err != nil || cancelled.Load() != 2 {
		t.Errorf("race: %v, %v, %d cancelled", w, err, cancelled.Load())
	}
	other := errors.New("other")
	r = eventual.Race(eventual.Fail[int](errBoom), eventual.Fail[int](other))
	if _, err := outcome(t, r); !errors.Is(err, errBoom) || !errors.Is(err, other) {
		t.Errorf("race without a winner: %v", err)
	}
	if _, err := outcome(t, eventual.Race[int]()); err == nil {
		t.Error("a race of nothing succeeded")
	}
	for name, d := range map[string]interface{ Cancel() }{
		"list": eventual.DeferredList(eventual.ListOptions{ConsumeErrors: true}, pending(), pending()), "gather": eventual.GatherResults(pending(), pending()), "race": eventual.Race(pending(), pending()),
	} {
		cancelled.Store(0)
		d.Cancel()
		if cancelled.Load() != 2 {
			t.Errorf("cancelling the %s cancelled %d members", name, cancelled.Load())
		}
	}
}
