package threadpool_test

import (
	"context"
	"testing"

	"github.com/trestle-go/trestle/internal/park"
	"github.com/trestle-go/trestle/threadpool"
)

// TestPool_T08_AWaitWithinAWait: a job that has lent its slot, as that of a stream
// does, and waits for something meanwhile, takes back what it has lent, once.
func TestPool_T08_AWaitWithinAWait(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	_, err := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
		resume, err := park.Before(park.ID(), nil)
		if err != nil || resume == nil {
			t.Fatalf("%v", err)
		}
		for range 3 {
			if _, err := threadpool.DeferToThread(ctx, p, one).Wait(soon); err != nil {
				t.Errorf("%v", err)
			}
			if s := p.Stats(); s.Waiting != 1 {
				t.Errorf("after a wait within the wait: %+v", s)
			}
		}
		resume()
		if s := p.Stats(); s.Waiting != 0 || s.Busy != 1 {
			t.Errorf("after the wait: %+v", s)
		}
		return 1, nil
	}).Wait(soon)
	if err != nil {
		t.Error(err)
	}
}

// bystander is the hook of something that a job runs on its worker's goroutine.
type bystander struct{}

func (bystander) BeforePark(any) (func(), error) { return nil, nil }

// TestPool_T08_AHookWithinTheWorkers: what has a hook of its own on a worker's
// goroutine hides the worker's neither meanwhile nor afterwards.
func TestPool_T08_AHookWithinTheWorkers(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	wait := func(ctx context.Context) {
		if _, err := threadpool.DeferToThread(ctx, p, one).Wait(soon); err != nil {
			t.Errorf("%v", err)
		}
	}
	_, err := threadpool.DeferToThread(context.Background(), p, func(ctx context.Context) (int, error) {
		id := park.Enter(bystander{})
		wait(ctx)
		park.Leave(id)
		wait(ctx)
		return 1, nil
	}).Wait(soon)
	if err != nil {
		t.Error(err)
	}
}

// TestPool_T06_StopWithinAWait: a job that stops its own pool is told so at once,
// also while its slot is lent and while something with a hook of its own runs.
func TestPool_T06_StopWithinAWait(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 1})
	_, err := threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
		resume, err := park.Before(park.ID(), nil)
		if err != nil {
			return 0, err
		}
		defer resume()
		defer park.Leave(park.Enter(bystander{}))
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		return 1, p.Stop(ctx)
	}).Wait(soon)
	if err != nil {
		t.Error(err)
	}
}
