package threadpool_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		if s := p.Stats(); s.Slow != 1 {
			t.Errorf("%d counted", s.Slow)
		}
		if _, err := res.Wait(time.Hour); err != nil {
			t.Error(err)
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
