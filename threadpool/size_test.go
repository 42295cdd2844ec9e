package threadpool_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

func TestPool_T01_Elastic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := threadpool.New(threadpool.Config{Min: 2, Max: 5, IdleTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Workers != 2 {
			t.Errorf("%d workers at the start", s.Workers)
		}
		release := hold(t, p, 20, 5)
		if s := p.Stats(); s.Workers != 5 || s.Busy != 5 || s.Queued != 15 {
			t.Errorf("under load: %+v", s)
		}
		release()
		synctest.Wait()
		if s := p.Stats(); s.Workers != 5 || s.Idle != 5 || s.Busy != 0 || s.Succeeded != 20 {
			t.Errorf("after load: %+v", s)
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Workers != 2 {
			t.Errorf("%d workers after the idle timeout", s.Workers)
		}
		if v, err := threadpool.DeferToThread(context.Background(), p, one).Wait(time.Second); v != 1 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestPool_T01_AdjustPoolSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := threadpool.New(threadpool.Config{Max: 2, Stopped: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.AdjustPoolSize(1, 3); err != nil {
			t.Error(err)
		}
		for _, c := range [][2]int{{-1, 3}, {4, 3}, {0, 0}, {0, -1}} {
			if err := p.AdjustPoolSize(c[0], c[1]); err == nil || !strings.Contains(err.Error(), "M") {
				t.Errorf("%v: %v", c, err)
			}
		}
		p.Start()
		release := hold(t, p, 10, 3)
		if err := p.AdjustPoolSize(1, 6); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Busy != 6 {
			t.Errorf("%d busy after growing", s.Busy)
		}
		if err := p.AdjustPoolSize(0, 1); err != nil {
			t.Error(err)
		}
		release()
		synctest.Wait()
		if s := p.Stats(); s.Workers > 1 || s.Succeeded != 10 {
			t.Errorf("after shrinking: %+v", s)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := p.AdjustPoolSize(0, 1); !errors.Is(err, eventual.ErrStopped) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

func TestPool_T01_BadConfig(t *testing.T) {
	for want, cfg := range map[string]threadpool.Config{
		"Min is -1":   {Min: -1},
		"Max is -2":   {Max: -2},
		"Min is 3":    {Min: 3, Max: 2},
		"QueueLimit":  {QueueLimit: -1},
		"IdleTimeout": {IdleTimeout: -1},
		"SlowJob":     {SlowJob: -1},
		"Nice is 20":  {Nice: 20, LockOSThread: true},
		"Nice is 5":   {Nice: 5},
		"CPUs is [0]": {CPUs: []int{0}},
		"CPUs and":    {CPUs: []int{100000}, LockOSThread: true},
	} {
		if _, err := threadpool.New(cfg); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "threadpool pool") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// TestPool_T01_FewerAreKeptOnceMinIsLower: workers that were to idle for ever are not.
func TestPool_T01_FewerAreKeptOnceMinIsLower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, threadpool.Config{Min: 3, Max: 4, IdleTimeout: time.Minute})
		synctest.Wait()
		if err := p.AdjustPoolSize(1, 4); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if s := p.Stats(); s.Workers != 1 || s.Idle != 1 {
			t.Errorf("%+v", s)
		}
	})
}
