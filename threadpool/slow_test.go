package threadpool_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/logtest"
	"github.com/trestle-go/trestle/threadpool"
)

func TestPool_SlowJobIsNamedWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Log)
		p, err := threadpool.New(threadpool.Config{Max: 2, SlowJob: time.Second, Logger: log.Logger()})
		if err != nil {
			t.Fatal(err)
		}
		res := threadpool.DeferToThread(context.Background(), p, dawdle)
		_, _ = threadpool.DeferToThread(context.Background(), p, one).Wait(soon)
		time.Sleep(10 * time.Second)
		if n := strings.Count(log.String(), "runs long"); n != 1 || !strings.Contains(log.String(), "dawdle") {
			t.Errorf("reported %d times:\n%s", n, log)
		}
		s := p.Stats()
		if s.Slow != 1 || len(s.SlowJobs) != 1 {
			t.Fatalf("%+v", s)
		}
		if j := s.SlowJobs[0]; j.Age != 10*time.Second || !strings.Contains(j.Submitted, "dawdle") || !strings.Contains(j.Stack, "time.Sleep") {
			t.Errorf("%+v", j)
		}
		if _, err := res.Wait(time.Hour); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Slow != 1 || len(s.SlowJobs) != 0 {
			t.Errorf("once it has ended: %+v", s)
		}
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func dawdle(context.Context) (int, error) {
	time.Sleep(time.Minute)
	return 0, nil
}

// TestPool_SlowWatchRacesWithTheEnd: jobs that are looked at while they end.
func TestPool_SlowWatchRacesWithTheEnd(t *testing.T) {
	p := newPool(t, threadpool.Config{Max: 4, SlowJob: time.Nanosecond})
	var all []*eventual.Result[int]
	for range 500 {
		all = append(all, threadpool.DeferToThread(context.Background(), p, func(context.Context) (int, error) {
			time.Sleep(20 * time.Microsecond)
			_ = p.Stats()
			return 1, nil
		}))
	}
	if _, err := eventual.All(all...).Wait(soon); err != nil {
		t.Error(err)
	}
}

// TestPool_SlowJobsThatWaitedForStart: the watch does not end while nothing runs yet.
func TestPool_SlowJobsThatWaitedForStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, threadpool.Config{Max: 1, Stopped: true, SlowJob: time.Second})
		_ = threadpool.DeferToThread(t.Context(), p, dawdle)
		time.Sleep(10 * time.Second)
		p.Start()
		time.Sleep(10 * time.Second)
		if s := p.Stats(); s.Slow != 1 || len(s.SlowJobs) != 1 {
			t.Errorf("%+v", s)
		}
	})
}
